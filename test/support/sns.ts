/** Messages as Amazon SNS signs them, with a key of our own under the name of SNS. */
import { createSign } from 'node:crypto';

export interface SnsFields {
  readonly TopicArn: string;
  readonly Message: string;
  readonly MessageId?: string;
  readonly Timestamp: string;
  readonly Type?: string;
  readonly Token?: string;
  readonly SubscribeURL?: string;
}

const ORDER = ['Message', 'MessageId', 'SubscribeURL', 'Subject', 'Timestamp', 'Token', 'TopicArn', 'Type'];

let messages = 0;

/** A request body; `host` is that of the certificate. */
export function snsMessage(fields: SnsFields, host: string): string {
  messages += 1;
  const message: Record<string, string> = {
    Type: 'Notification',
    MessageId: `00000000-0000-4000-8000-${String(messages).padStart(12, '0')}`,
    ...fields,
  };
  const text = ORDER.flatMap((name) =>
    message[name] === undefined ? [] : [`${name}\n${message[name]}\n`],
  ).join('');
  return JSON.stringify({
    ...message,
    SignatureVersion: '2',
    Signature: createSign('sha256').update(text).sign(KEY).toString('base64'),
    SigningCertURL: `https://${host}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem`,
  });
}

/** Of sns.amazonaws.com, made for these tests, valid until 2126. */
export const SNS_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIDOTCCAiGgAwIBAgIUdSFMN+vSucR3n03kU54WM598d2cwDQYJKoZIhvcNAQEL
BQAwHDEaMBgGA1UEAwwRc25zLmFtYXpvbmF3cy5jb20wIBcNMjYxMTI0MDIwNzQ2
WhgPMjEyNjEwMzEwMjA3NDZaMBwxGjAYBgNVBAMMEXNucy5hbWF6b25hd3MuY29t
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAnonL987cNtJ/wffiU9+d
wswG3Zt8P83oYP5gy/K9ojX3KXbGgqNFN0uprtZg2n6XDzEtiA6kxFhY4ryOOENp
ku81O3n1IaUMHUaDVlZDxOzVKuFY3AHh7tTwEstnbOT0huWIMCh9eDYyGEw+OVzp
zr5rfUglIBdhd6OevAvuhfMYYYJQfILt53UNFvrtSYk4DT/yaQuq7UL6vIEABHhj
LQlZrgjR6UMtNzCQCTpmbCgfs0275lIF+bGyLqDjqrLZXDoD669pvPoUOocABzS7
WjPTGklpmaoh1JfQD92JPZYEIbTAzHwJb0I+8wjjul38Kzf7OnhqKpPSJTTDImSA
PQIDAQABo3EwbzAdBgNVHQ4EFgQUZJwneyUi811p0CMEK4UNlyt46iQwHwYDVR0j
BBgwFoAUZJwneyUi811p0CMEK4UNlyt46iQwDwYDVR0TAQH/BAUwAwEB/zAcBgNV
HREEFTATghFzbnMuYW1hem9uYXdzLmNvbTANBgkqhkiG9w0BAQsFAAOCAQEAHqpp
d2kjxziZEPVypoI/DoGdsedfK2oVT22Nk8XV0C7R5xgnLRCKDMn4SM8JLhSZvaGO
xFQf52kbyBFSP2wxG6s6HLg1XFDbIGB1J68BA63Paoq2b+7/rAEr+9uT64QPWU3f
11bgalhEqHwIXEzPZFwI4rzsOeV5Tn36PSWw3117pXrhJjNMKO+oi5xZQyDWfdIi
jQr02ht5i9iYBHvouSgePQ1VfMyKwWZly/XSD6nCxcqPhxuDI8GsPdfm91Sp0r4n
1hEqwZ9JsDBIZom9P9P+BliWGiizlKtrNIfa34GR/I8rvUpN2+yPED8R2juRMpS0
EPP/iwvFBvmEKL7FRg==
-----END CERTIFICATE-----`;

const KEY = `-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCeicv3ztw20n/B
9+JT353CzAbdm3w/zehg/mDL8r2iNfcpdsaCo0U3S6mu1mDafpcPMS2IDqTEWFji
vI44Q2mS7zU7efUhpQwdRoNWVkPE7NUq4VjcAeHu1PASy2ds5PSG5YgwKH14NjIY
TD45XOnOvmt9SCUgF2F3o568C+6F8xhhglB8gu3ndQ0W+u1JiTgNP/JpC6rtQvq8
gQAEeGMtCVmuCNHpQy03MJAJOmZsKB+zTbvmUgX5sbIuoOOqstlcOgPrr2m8+hQ6
hwAHNLtaM9MaSWmZqiHUl9AP3Yk9lgQhtMDMfAlvQj7zCOO6XfwrN/s6eGoqk9Il
NMMiZIA9AgMBAAECggEAA5nioX5J3sF6BH1EtKGhKxxTP7WsvhWAaE7xkN+AzWHe
l+dvorvbElRVO59rCrqdHS9BepfGyC0TOq8FRBkSWWx9g4cXWW4n2NEq2tX/9bBo
ttNiZmp/Tw0/PHIN2Q70pfep7T3j/GGSi1ci5s64HzRJebUtO1+vQHLdshdn2NsW
vkttSVRdv9GZkt2rhxws6sJ2C3TlmlOv/SLUpyL4X6Y+rIF/aSarUEXGHoLenQH+
w093kLYWugxiKauDF5Rz07+RCSWflz8cAUTEC35gA8OmJiufmdunA2S781PRTD8q
d8naz4Dcsehn+U2+suPgslPCjN8B9tNSpbDGbK3A6QKBgQDdaCuHDyCWf436ceOf
4ESFja8Ntf3BDraeu3jg9HH+OKccgxNmwTXvpd7jkRy26aSPBYXQcdEtKZrcO/a5
6PbUJss+fIIa30uJNXm/A80/3SXl35ArBZ9a/138beuvOMML3vcbq/rFJRwmTDwF
buf8twhz5p3tHxKaU1Q+2FdcmQKBgQC3TwH5FKto9Tmhuqe2ch0bM1LJ7yTLWWxB
uRze0Fi30r0WkfZr94JcxCUPwZntHW9J0C2fZ4zrV8NzomuqIVnop+4OVh0gPxeA
VevmboMFF6jz4tMKeY2w9geJx8UjIMyZQW3R6T/QDd2kJQMMObwleLi+LXEb9q45
4sz5Q9DDRQKBgA5tzoBjxPzp3SfYKjxuEikd/a2IEbx2KAKaNxt58r/dk05xYF9O
8iPnDGqKN3PYMCg99OWLtVUbJAN8SOz+uK9Ew/QTiysTKEoN2RxQtByYXfLoKe4T
1LnKcKaVx0lJCrUIV9RO1e3pKDd6umKkQqwehYeAHQSqBL1X9uKNmMvpAoGAfbQy
eCrSeQFhaiTkCdsrVpHVfiD+rGxALrnQsINTs4tSm/2wbM2omhDwEWQEOHRs8sNN
5fhOzLy8jbmd92czjrZKK46mHozlgt5pDPZP5tgYxlaPvqkon2e4N6XE7Jf7dkVG
GCLJ3dUEXyH6exHEkjW9Cr2CyVhalduQEIeOy7kCgYEAiPl2b1EoaXhFUh7KcMn1
bbXsChhtvIyRjShdlZgeSKDRxsC37voMsBVSH86BpnGmtLurUkLKRf0sqUG1eWf8
lgJlgxcXbcY83AdS0d1jB09wGuZu/FfnsGi+y2w3HOdq/lO7ygpI/j4lVHd5WGuT
hpYRo+/x7i6MXrOfBl9jUL4=
-----END PRIVATE KEY-----`;
