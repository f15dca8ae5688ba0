/** A transport that answers as it is told, and keeps what it was given. */
import type { Delivery, OutgoingMail, Transport } from '../../src/mail/transport.ts';

export type FakeAnswer = Delivery | Error | 'hang';

export const ACCEPTED: Delivery = { outcome: 'accepted' };
export const GREYLISTED: Delivery = { outcome: 'deferred', reason: '451 4.7.1 RCPT TO', scope: 'recipient' };
export const DOWN: Delivery = { outcome: 'deferred', reason: 'ECONNREFUSED', scope: 'transport' };
export const NO_MAILBOX: Delivery = { outcome: 'refused', reason: '550 5.1.1 RCPT TO', scope: 'recipient' };
export const TOO_BIG: Delivery = { outcome: 'refused', reason: '552 5.3.4 DATA', scope: 'message' };

export interface FakeTransport extends Transport {
  /** For the next mails, one each. */
  answers: FakeAnswer[];
  /** For all mails that have none of their own. */
  always: FakeAnswer;
  readonly sent: OutgoingMail[];
  /** Answers all that hang, and everything from then on. */
  release(answer: Delivery): void;
}

export function fakeTransport(name: string, more: Pick<Transport, 'delivers'> = {}): FakeTransport {
  let waiting: ((answer: Delivery) => void)[] = [];
  const transport: FakeTransport = {
    ...more,
    name,
    answers: [],
    always: ACCEPTED,
    sent: [],
    close: async () => undefined,
    async send(mail) {
      transport.sent.push(mail);
      const answer = transport.answers.shift() ?? transport.always;
      if (answer instanceof Error) throw answer;
      return answer === 'hang' ? new Promise((resolve) => waiting.push(resolve)) : answer;
    },
    release(answer) {
      transport.always = answer;
      for (const resolve of waiting) resolve(answer);
      waiting = [];
    },
  };
  return transport;
}
