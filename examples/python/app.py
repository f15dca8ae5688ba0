"""A web site that signs people in with Authlib and Flask, as a confidential client. Tokens stay on this server.

Beside it an API that takes JWT access tokens (RFC 9068), checked with PyJWT. Site and API share no more than the issuer.
"""

import os
import secrets
from functools import cache
from urllib.parse import urlencode, urljoin

import jwt
from authlib.integrations.flask_client import OAuth, OAuthError
from flask import Flask, jsonify, redirect, render_template_string, request, session

ISSUER = os.environ.get("ISSUER", "http://localhost:3000/shop")
PORT = int(os.environ.get("PORT", "4003"))
REDIRECT_URI = os.environ.get("REDIRECT_URI", f"http://localhost:{PORT}/callback")
HOME = urljoin(REDIRECT_URI, "/")
# The identifier under which the provider knows this API: the key in `resources`.
AUDIENCE = os.environ.get("AUDIENCE", "https://api.shop.example")

app = Flask(__name__)
app.secret_key = secrets.token_bytes(32)
app.config.update(SESSION_COOKIE_NAME="python_session", SESSION_COOKIE_SAMESITE="Lax")

# Flask's cookie is signed but readable: it holds only the id of what is kept here. A real site uses a store.
logins: dict[str, dict] = {}

oauth = OAuth(app)
postern = oauth.register(
    "postern",
    client_id=os.environ.get("CLIENT_ID", "python"),
    client_secret=os.environ.get("CLIENT_SECRET"),
    server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
    client_kwargs={
        "scope": "openid email offline_access",
        "code_challenge_method": "S256",
        "token_endpoint_auth_method": "client_secret_basic" if os.environ.get("CLIENT_SECRET") else "none",
    },
)

PAGE = """<!doctype html><html lang="en"><title>Python</title><h1>Python</h1>
{% if login %}
<p>Signed in as <strong id="email">{{ login.user.email }}</strong> (<code id="sub">{{ login.user.sub }}</code>)</p>
<p>Refreshed <span id="refreshed">{{ login.refreshed }}</span> times</p>
<form method="post" action="/refresh"><button>Refresh</button></form>
<form method="post" action="/logout"><button>Sign out</button></form>
{% elif error %}<p>{{ error }}</p><a href="/">Back</a>
{% else %}<a href="/login">Sign in</a>{% endif %}</html>"""


def current() -> dict | None:
    return logins.get(session.get("login", ""))


@app.get("/")
def home():
    return render_template_string(PAGE, login=current())


@app.get("/login")
def login():
    return postern.authorize_redirect(REDIRECT_URI)


@app.get("/callback")
def callback():
    # RFC 9207: the answer has to come from the issuer that was asked.
    if request.args.get("iss") != ISSUER:
        return render_template_string(PAGE, error="the answer is from another issuer"), 400
    tokens = postern.authorize_access_token()
    session.clear()
    session["login"] = secrets.token_urlsafe(16)
    logins[session["login"]] = {"user": postern.userinfo(token=tokens), "tokens": tokens, "refreshed": 0}
    return redirect(HOME, 303)


@app.post("/refresh")
def refresh():
    login = current()
    if login:
        tokens = postern.fetch_access_token(
            grant_type="refresh_token",
            refresh_token=login["tokens"]["refresh_token"],
            # Authlib would send the scope that was asked for; only what was granted may be named (RFC 6749 §6).
            scope=login["tokens"]["scope"],
        )
        # Every refresh token serves once: keep the new one.
        login["tokens"].update(tokens)
        login["refreshed"] += 1
    return redirect(HOME, 303)


@app.post("/logout")
def logout():
    login = logins.pop(session.pop("login", ""), None)
    if not login:
        return redirect(HOME, 303)
    query = urlencode({"id_token_hint": login["tokens"]["id_token"], "post_logout_redirect_uri": HOME})
    return redirect(f"{postern.load_server_metadata()['end_session_endpoint']}?{query}", 303)


def claims_of(token: str) -> dict:
    """Signature, issuer, audience, times and type: without any of them a token for somebody else would do."""
    # An ID token is signed by the same keys; only its type tells them apart for sure (RFC 9068 section 4).
    if jwt.get_unverified_header(token).get("typ", "").lower() not in ("at+jwt", "application/at+jwt"):
        raise jwt.InvalidTokenError("not an access token")
    return jwt.decode(
        token,
        signing_keys().get_signing_key_from_jwt(token).key,
        algorithms=["RS256", "ES256"],
        issuer=ISSUER,
        audience=AUDIENCE,
        options={"require": ["iss", "aud", "sub", "client_id", "exp", "iat", "jti"]},
    )


@cache
def signing_keys() -> jwt.PyJWKClient:
    """Keeps the key set, and asks again when it meets a key it does not know."""
    return jwt.PyJWKClient(postern.load_server_metadata()["jwks_uri"])


@app.get("/api")
def api():
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        claims = claims_of(token if scheme.lower() == "bearer" else "")
    except jwt.PyJWTError:
        return jsonify(error="invalid_token"), 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return jsonify(sub=claims["sub"], client=claims["client_id"], scope=claims.get("scope", ""))


@app.errorhandler(OAuthError)
def refused(error: OAuthError):
    return render_template_string(PAGE, error=f"{error.error}: {error.description}"), 400


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=PORT)
