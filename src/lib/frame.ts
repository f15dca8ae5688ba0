/**
 * Length-framed concatenation: every field is preceded by its byte length (u32, big endian), so that no two different
 * lists of fields give the same bytes. Used for every hash, MAC and derivation over more than one value.
 */
export function frame(...fields: readonly string[]): Buffer {
  const parts: Buffer[] = [];
  for (const field of fields) {
    const bytes = Buffer.from(field, 'utf8');
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(bytes.length);
    parts.push(length, bytes);
  }
  return Buffer.concat(parts);
}
