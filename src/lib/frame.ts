const LENGTH_BYTES = 4;

/**
 * Length-framed concatenation: every field is preceded by its byte length (u32, big endian), so that no two different
 * lists of fields give the same bytes. Used for every hash, MAC and derivation over more than one value.
 */
export function frame(...fields: readonly string[]): Buffer {
  const size = fields.reduce((sum, field) => sum + LENGTH_BYTES + Buffer.byteLength(field, 'utf8'), 0);
  const framed = Buffer.allocUnsafe(size);
  let at = 0;
  for (const field of fields) {
    const length = framed.write(field, at + LENGTH_BYTES, 'utf8');
    framed.writeUInt32BE(length, at);
    at += LENGTH_BYTES + length;
  }
  return framed;
}
