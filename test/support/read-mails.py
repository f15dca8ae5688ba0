"""Reads mails with Python's own parser, which shares no code with what wrote them, and says what it saw.

Standard input: one mail per line, base64. Standard output: one JSON object per line.
"""
import base64
import json
import sys
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import getaddresses


def defects(part):
    found = [type(defect).__name__ for defect in part.defects]
    for _, value in part.items():
        found += [type(defect).__name__ for defect in getattr(value, "defects", ())]
    return found


def mailboxes(mail, old, name):
    """Addresses by the newer parser, names by the older one: the newer puts a blank between two encoded words of one name,
    where RFC 2047 section 6.2 has none (Python 3.11)."""
    if not mail[name]:
        return []
    names = [str(make_header(decode_header(text))) for text, _ in getaddresses([str(old[name])])]
    return [list(pair) for pair in zip(names, [box.addr_spec for box in mail[name].addresses], strict=True)]


for line in sys.stdin:
    raw = base64.b64decode(line)
    mail = message_from_bytes(raw, policy=policy.default)
    old = message_from_bytes(raw, policy=policy.compat32)
    lines = raw.split(b"\r\n")
    parts = list(mail.walk())
    counts = {}
    for name in mail.keys():
        counts[name.lower()] = counts.get(name.lower(), 0) + 1
    print(
        json.dumps(
            {
                "headers": counts,
                "defects": [found for part in parts for found in defects(part)],
                "from": mailboxes(mail, old, "from"),
                "to": mailboxes(mail, old, "to"),
                "cc": mailboxes(mail, old, "cc"),
                "subject": str(mail["subject"]),
                "messageId": str(mail["message-id"]),
                "date": mail["date"].datetime.timestamp() if mail["date"] else None,
                "types": [part.get_content_type() for part in parts],
                "charsets": [part.get_content_charset() for part in parts[1:]],
                "encodings": [str(part["content-transfer-encoding"]) for part in parts[1:]],
                "texts": [part.get_content() for part in parts if not part.is_multipart()],
                "preferred": mail.get_body(("html", "plain")).get_content_type(),
                "longest": max(len(one) for one in lines),
                "bare": raw.replace(b"\r\n", b"").count(b"\r") + raw.replace(b"\r\n", b"").count(b"\n"),
                "beyondAscii": sum(byte > 127 for byte in raw),
                "nul": raw.count(b"\0"),
            }
        )
    )
