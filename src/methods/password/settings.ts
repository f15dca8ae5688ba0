/** `methods.password` of an app. */
import { z } from 'zod';

/** OWASP's least for Argon2id with one lane is 19 MiB and two passes; NIST SP 800-63B-4 §3.1.1.2 has the lengths. */
export const passwordSettings = z
  .strictObject({
    min_length: z
      .int()
      .min(8)
      .max(64)
      .default(15)
      .describe(
        'Characters at least. 15 where a password signs in alone (NIST SP 800-63B-4); 8 is for apps that always ask for a second factor.',
      ),
    hash_memory: z
      .int()
      .min(19)
      .max(1024)
      .default(19)
      .describe('MiB that one hash takes (Argon2id); a change counts for each password at its next sign-in.'),
    hash_passes: z
      .int()
      .min(2)
      .max(20)
      .default(2)
      .describe('How often it goes through them; 50 to 500 ms a hash is a good measure.'),
  })
  .describe('A password. It is chosen, and chosen anew, behind a mail that proves the mailbox.');

export type PasswordSettings = z.output<typeof passwordSettings>;
