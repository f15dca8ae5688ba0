/**
 * A real SMTP server on loopback that keeps every command and every message, and answers as it is told: what it heard is
 * the evidence that nobody else was written to (ML-60).
 */
import type { AddressInfo, Socket } from 'node:net';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';

/** How one message is answered; those not scripted are accepted. */
export type Answer =
  | 'accept'
  | { readonly at: 'MAIL' | 'RCPT' | 'DATA'; readonly reply: number; readonly text?: string }
  /** RCPT is never answered; the connection stays open. */
  | 'hang'
  /** The whole message is read, then the connection is cut without an answer. */
  | 'drop-after-data';

export interface ReceivedMail {
  readonly from: string;
  /** RCPT TO, as given. */
  readonly to: readonly string[];
  readonly raw: string;
  readonly parsed: ParsedMail;
  /** Whether the client was told 250. */
  readonly isAccepted: boolean;
}

export interface SinkOptions {
  /** Whether STARTTLS is offered, with a certificate that nobody can check; no unless told. */
  readonly starttls?: boolean;
  /** Accepts this user and password, without TLS too; AUTH is not offered unless told. */
  readonly auth?: { readonly user: string; readonly pass: string };
}

export interface SmtpSink {
  readonly port: number;
  /** `smtp://127.0.0.1:…`, without credentials. */
  readonly url: string;
  /** Every command line of every connection, passwords left out by the server library. */
  readonly commands: readonly string[];
  /** Everyone named by RCPT TO, refused ones too. */
  readonly recipients: readonly string[];
  /** Messages whose DATA arrived whole, in that order. */
  readonly mails: readonly ReceivedMail[];
  /** Answers for the next messages, one each, in order. */
  script(...answers: readonly Answer[]): void;
  /** Answer for all messages that have none of their own. */
  always(answer: Answer): void;
  /** The newest mail to this address, as soon as there are `count` of them. */
  mailTo(address: string, count?: number): Promise<ReceivedMail>;
  clear(): void;
  close(): Promise<void>;
}

/** All URLs of the text part, in order. */
export function links(mail: ReceivedMail): readonly string[] {
  return (mail.parsed.text ?? '').match(/https?:\/\/[^\s<>"]+/g) ?? [];
}

/** The 8 digits of the text part, without the blank; undefined when there are none. */
export function code(mail: ReceivedMail): string | undefined {
  const match = /^(\d{4}) (\d{4})$/m.exec(mail.parsed.text ?? '');
  return match ? `${match[1]}${match[2]}` : undefined;
}

export async function startSmtpSink(options: SinkOptions = {}): Promise<SmtpSink> {
  const sink = new Sink(options);
  await sink.listen();
  return sink;
}

type Done = (error?: Error | null) => void;

class Sink implements SmtpSink {
  readonly commands: string[] = [];
  readonly recipients: string[] = [];
  readonly mails: ReceivedMail[] = [];
  readonly #server: SMTPServer;
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Set<() => void>();
  /** The answer chosen for the message that a session is sending. */
  readonly #chosen = new Map<string, Answer>();
  #script: Answer[] = [];
  #fallback: Answer = 'accept';

  constructor({ starttls = false, auth }: SinkOptions) {
    this.#server = new SMTPServer({
      authOptional: true,
      allowInsecureAuth: true,
      hideSTARTTLS: !starttls,
      disabledCommands: auth ? [] : ['AUTH'],
      closeTimeout: 1,
      logger: this.#listener(),
      onAuth: (given, _session, done) => {
        const isKnown = given.username === auth?.user && given.password === auth?.pass;
        if (isKnown) done(null, { user: given.username });
        else done(Object.assign(new Error('Invalid login'), { responseCode: 535 }));
      },
      onMailFrom: (_address, session, done) => {
        this.#chosen.set(session.id, this.#script.shift() ?? this.#fallback);
        this.#answer('MAIL', session, done);
      },
      onRcptTo: ({ address }, session, done) => {
        this.recipients.push(address);
        if (this.#chosen.get(session.id) !== 'hang') this.#answer('RCPT', session, done);
      },
      onData: (stream, session, done) => void this.#receive(stream, session, done),
    });
    this.#server.server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    // A client that gives up on a bad certificate is a result, not a fault.
    this.#server.on('error', () => undefined);
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port; // it listens on TCP
  }

  get url(): string {
    return `smtp://127.0.0.1:${this.port}`;
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', () => resolve());
    });
  }

  script(...answers: readonly Answer[]): void {
    this.#script.push(...answers);
  }

  always(answer: Answer): void {
    this.#fallback = answer;
  }

  async mailTo(address: string, count = 1): Promise<ReceivedMail> {
    for (;;) {
      const found = this.mails.filter((mail) => mail.to.includes(address));
      const newest = found.at(-1);
      if (newest && found.length >= count) return newest;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  clear(): void {
    this.commands.length = 0;
    this.recipients.length = 0;
    this.mails.length = 0;
    this.#script = [];
    this.#fallback = 'accept';
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #answer(at: 'MAIL' | 'RCPT' | 'DATA', session: SMTPServerSession, done: Done): void {
    const answer = this.#chosen.get(session.id) ?? 'accept';
    const isScripted = typeof answer !== 'string' && answer.at === at;
    if (!isScripted) done();
    else done(Object.assign(new Error(answer.text ?? 'as scripted'), { responseCode: answer.reply }));
  }

  async #receive(stream: SMTPServerDataStream, session: SMTPServerSession, done: Done): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(Buffer.from(chunk));
    const raw = Buffer.concat(chunks);
    const answer = this.#chosen.get(session.id) ?? 'accept';
    const { mailFrom, rcptTo } = session.envelope;
    this.mails.push({
      from: mailFrom ? mailFrom.address : '',
      to: rcptTo.map(({ address }) => address),
      raw: raw.toString('utf8'),
      parsed: await simpleParser(raw),
      isAccepted: answer === 'accept',
    });
    if (answer === 'drop-after-data') this.#drop(session);
    else this.#answer('DATA', session, done);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #drop(session: SMTPServerSession): void {
    for (const socket of this.#sockets) if (socket.remotePort === session.remotePort) socket.destroy();
  }

  /** The server library tells its logger every command line. */
  #listener() {
    const ignore = (): void => undefined;
    const debug = (entry: unknown, _format: unknown, line?: unknown): void => {
      const isCommand =
        typeof entry === 'object' && entry !== null && 'tnx' in entry && entry.tnx === 'command';
      if (isCommand && typeof line === 'string') this.commands.push(line);
    };
    return { level: ignore, trace: ignore, debug, info: ignore, warn: ignore, error: ignore, fatal: ignore };
  }
}
