/** A name server on loopback that knows what a test tells it. */
import { createSocket } from 'node:dgram';
import { type Answer, decode, encode } from 'dns-packet';

/** Records by name, without the final dot. */
export interface Zone {
  readonly [name: string]: {
    readonly txt?: readonly string[];
    readonly mx?: readonly (readonly [priority: number, exchange: string])[];
    readonly a?: readonly string[];
    /** Never answers about this name. */
    readonly isSilent?: boolean;
  };
}

export interface FakeDns {
  /** `127.0.0.1:port` */
  readonly server: string;
  readonly asked: readonly string[];
  set(zone: Zone): void;
  close(): Promise<void>;
}

export async function startFakeDns(zone: Zone = {}): Promise<FakeDns> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  let known = zone;
  socket.on('message', (message, from) => {
    const query = decode(message);
    const [question] = query.questions ?? [];
    if (!question) return;
    asked.push(`${question.type} ${question.name}`);
    const records = known[question.name.toLowerCase()];
    if (records?.isSilent) return;
    const { name } = question;
    const answers: Answer[] =
      question.type === 'TXT'
        ? (records?.txt ?? []).map((text) => ({
            type: 'TXT',
            name,
            ttl: 60,
            data: text.match(/.{1,255}/gs) ?? [''],
          }))
        : question.type === 'MX'
          ? (records?.mx ?? []).map(([preference, exchange]) => ({
              type: 'MX',
              name,
              ttl: 60,
              data: { preference, exchange },
            }))
          : question.type === 'A'
            ? (records?.a ?? []).map((data) => ({ type: 'A', name, ttl: 60, data }))
            : [];
    // 3 is "no such name".
    const flags = 0x0180 | (records ? 0 : 3);
    const reply = encode({
      type: 'response',
      id: query.id ?? 0,
      flags,
      questions: query.questions ?? [],
      answers,
    });
    socket.send(reply, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    server: `127.0.0.1:${socket.address().port}`,
    asked,
    set: (next) => {
      known = next;
    },
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
