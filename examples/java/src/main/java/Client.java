import com.nimbusds.oauth2.sdk.AuthorizationCodeGrant;
import com.nimbusds.oauth2.sdk.AuthorizationGrant;
import com.nimbusds.oauth2.sdk.RefreshTokenGrant;
import com.nimbusds.oauth2.sdk.ResponseType;
import com.nimbusds.oauth2.sdk.Scope;
import com.nimbusds.oauth2.sdk.TokenRequest;
import com.nimbusds.oauth2.sdk.auth.ClientSecretBasic;
import com.nimbusds.oauth2.sdk.auth.Secret;
import com.nimbusds.oauth2.sdk.id.ClientID;
import com.nimbusds.oauth2.sdk.id.Issuer;
import com.nimbusds.oauth2.sdk.id.State;
import com.nimbusds.oauth2.sdk.pkce.CodeChallengeMethod;
import com.nimbusds.oauth2.sdk.pkce.CodeVerifier;
import com.nimbusds.oauth2.sdk.token.RefreshToken;
import com.nimbusds.openid.connect.sdk.AuthenticationRequest;
import com.nimbusds.openid.connect.sdk.AuthenticationResponseParser;
import com.nimbusds.openid.connect.sdk.LogoutRequest;
import com.nimbusds.openid.connect.sdk.Nonce;
import com.nimbusds.openid.connect.sdk.OIDCTokenResponse;
import com.nimbusds.openid.connect.sdk.OIDCTokenResponseParser;
import com.nimbusds.openid.connect.sdk.UserInfoRequest;
import com.nimbusds.openid.connect.sdk.UserInfoResponse;
import com.nimbusds.openid.connect.sdk.claims.UserInfo;
import com.nimbusds.openid.connect.sdk.op.OIDCProviderMetadata;
import com.nimbusds.openid.connect.sdk.token.OIDCTokens;
import com.nimbusds.openid.connect.sdk.validators.IDTokenValidator;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jwt.JWT;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;

/** A web site that signs people in with the Nimbus SDK, on the JDK's own HTTP server. Tokens stay on this server. */
public final class Client {

    /** What one authorization request has to be answered with. */
    private record Asked(State state, Nonce nonce, CodeVerifier verifier) {}

    private record Session(Asked asked, UserInfo user, RefreshToken refreshToken, JWT idToken, int refreshed) {
        static final Session EMPTY = new Session(null, null, null, null, 0);
    }

    private interface Route {
        void answer(HttpExchange exchange, Session session) throws Exception;
    }

    private static final String PORT = setting("PORT", "4005");
    private static final Issuer ISSUER = new Issuer(setting("ISSUER", "http://localhost:3000/shop"));
    private static final ClientID CLIENT_ID = new ClientID(setting("CLIENT_ID", "java"));
    private static final Optional<Secret> SECRET = Optional.ofNullable(System.getenv("CLIENT_SECRET")).map(Secret::new);
    private static final URI REDIRECT_URI = URI.create(setting("REDIRECT_URI", "http://localhost:" + PORT + "/callback"));
    private static final URI HOME = REDIRECT_URI.resolve("/");

    /** By the value of the session cookie; a real site keeps them in a store and lets them expire. */
    private final Map<String, Session> sessions = new ConcurrentHashMap<>();

    private final Map<String, Route> routes = Map.of(
            "GET /", this::home,
            "GET /login", this::login,
            "GET /callback", this::callback,
            "POST /refresh", this::refresh,
            "POST /logout", this::logout);

    private OIDCProviderMetadata metadata;

    public static void main(String[] arguments) throws IOException {
        var client = new Client();
        var server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(PORT)), 0);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext("/", client::dispatch);
        server.start();
        System.out.println("Open " + HOME);
    }

    private void dispatch(HttpExchange exchange) throws IOException {
        var route = routes.get(exchange.getRequestMethod() + " " + exchange.getRequestURI().getPath());
        try {
            if (route == null) page(exchange, 404, "Not found");
            else route.answer(exchange, sessionId(exchange).map(sessions::get).orElse(Session.EMPTY));
        } catch (Exception error) {
            page(exchange, 502, "<p>" + escaped(String.valueOf(error.getMessage())) + "</p><a href=\"/\">Back</a>");
        } finally {
            exchange.close();
        }
    }

    private void home(HttpExchange exchange, Session session) throws IOException {
        if (session.user() == null) {
            page(exchange, 200, "<a href=\"/login\">Sign in</a>");
            return;
        }
        page(exchange, 200, """
                <p>Signed in as <strong id="email">%s</strong> (<code id="sub">%s</code>)</p>
                <p>Refreshed <span id="refreshed">%d</span> times</p>
                <form method="post" action="/refresh"><button>Refresh</button></form>
                <form method="post" action="/logout"><button>Sign out</button></form>
                """.formatted(
                escaped(session.user().getEmailAddress()),
                escaped(session.user().getSubject().getValue()),
                session.refreshed()));
    }

    private void login(HttpExchange exchange, Session session) throws Exception {
        var asked = new Asked(new State(), new Nonce(), new CodeVerifier());
        start(exchange, new Session(asked, null, null, null, 0));
        redirect(exchange, new AuthenticationRequest.Builder(
                        ResponseType.CODE, new Scope("openid", "email", "offline_access"), CLIENT_ID, REDIRECT_URI)
                .endpointURI(metadata().getAuthorizationEndpointURI())
                .state(asked.state())
                .nonce(asked.nonce())
                .codeChallenge(asked.verifier(), CodeChallengeMethod.S256)
                .build()
                .toURI());
    }

    private void callback(HttpExchange exchange, Session session) throws Exception {
        var asked = session.asked();
        var response = AuthenticationResponseParser.parse(REDIRECT_URI.resolve(exchange.getRequestURI().toString()));
        if (asked == null || !asked.state().equals(response.getState())) {
            throw new IllegalStateException("this browser did not begin that sign-in");
        }
        // RFC 9207: the answer has to come from the issuer that was asked.
        if (!ISSUER.equals(response.getIssuer())) throw new IllegalStateException("the answer is from another issuer");
        if (!response.indicatesSuccess()) {
            throw new IllegalStateException(response.toErrorResponse().getErrorObject().getCode());
        }
        var code = response.toSuccessResponse().getAuthorizationCode();
        var tokens = tokens(new AuthorizationCodeGrant(code, REDIRECT_URI, asked.verifier()));
        var claims = validator().validate(tokens.getIDToken(), asked.nonce());
        var user = UserInfoResponse.parse(
                new UserInfoRequest(metadata().getUserInfoEndpointURI(), tokens.getBearerAccessToken())
                        .toHTTPRequest()
                        .send());
        if (!user.indicatesSuccess()) throw new IllegalStateException(user.toErrorResponse().getErrorObject().getCode());
        var info = user.toSuccessResponse().getUserInfo();
        if (!info.getSubject().equals(claims.getSubject())) {
            throw new IllegalStateException("userinfo is about somebody else");
        }
        // A new session id after signing in: whoever planted the old one gains nothing (session fixation).
        start(exchange, new Session(null, info, tokens.getRefreshToken(), tokens.getIDToken(), 0));
        redirect(exchange, HOME);
    }

    private void refresh(HttpExchange exchange, Session session) throws Exception {
        if (session.refreshToken() != null) {
            var tokens = tokens(new RefreshTokenGrant(session.refreshToken()));
            // Every refresh token serves once: keep the new one.
            var next = tokens.getRefreshToken() == null ? session.refreshToken() : tokens.getRefreshToken();
            var renewed = new Session(null, session.user(), next, session.idToken(), session.refreshed() + 1);
            sessionId(exchange).ifPresent(id -> sessions.replace(id, session, renewed));
        }
        redirect(exchange, HOME);
    }

    private void logout(HttpExchange exchange, Session session) throws Exception {
        start(exchange, Session.EMPTY);
        redirect(exchange, session.idToken() == null
                ? HOME
                : new LogoutRequest(metadata().getEndSessionEndpointURI(), session.idToken(), HOME, null).toURI());
    }

    private OIDCTokens tokens(AuthorizationGrant grant) throws Exception {
        var endpoint = metadata().getTokenEndpointURI();
        var request = SECRET.isPresent()
                ? new TokenRequest.Builder(endpoint, new ClientSecretBasic(CLIENT_ID, SECRET.get()), grant).build()
                : new TokenRequest.Builder(endpoint, CLIENT_ID, grant).build();
        var response = OIDCTokenResponseParser.parse(request.toHTTPRequest().send());
        if (!response.indicatesSuccess()) {
            throw new IllegalStateException(response.toErrorResponse().getErrorObject().getCode());
        }
        return ((OIDCTokenResponse) response.toSuccessResponse()).getOIDCTokens();
    }

    /** Signature, issuer, audience, times and nonce, by the algorithm that the issuer announces. */
    private IDTokenValidator validator() throws Exception {
        JWSAlgorithm algorithm = metadata().getIDTokenJWSAlgs().get(0);
        return new IDTokenValidator(ISSUER, CLIENT_ID, algorithm, metadata().getJWKSetURI().toURL());
    }

    /** Discovery on first use, so that this server starts while the issuer is still starting. */
    private synchronized OIDCProviderMetadata metadata() throws Exception {
        if (metadata == null) metadata = OIDCProviderMetadata.resolve(ISSUER);
        return metadata;
    }

    private static Optional<String> sessionId(HttpExchange exchange) {
        var cookies = exchange.getRequestHeaders().getOrDefault("Cookie", List.of());
        return cookies.stream()
                .flatMap(line -> Arrays.stream(line.split("; ?")))
                .filter(cookie -> cookie.startsWith("java_session="))
                .map(cookie -> cookie.substring("java_session=".length()))
                .findFirst();
    }

    /** Replaces the session of this browser by another one under a new id. */
    private void start(HttpExchange exchange, Session fresh) {
        sessionId(exchange).ifPresent(sessions::remove);
        var id = UUID.randomUUID().toString();
        sessions.put(id, fresh);
        // Lax keeps the cookie out of other sites' form posts; over https it would be __Host-… and Secure as well.
        exchange.getResponseHeaders().add("Set-Cookie", "java_session=" + id + "; Path=/; HttpOnly; SameSite=Lax");
    }

    private static void redirect(HttpExchange exchange, URI target) throws IOException {
        exchange.getResponseHeaders().set("Location", target.toString());
        exchange.sendResponseHeaders(303, -1);
    }

    private static void page(HttpExchange exchange, int status, String content) throws IOException {
        var body = "<!doctype html><html lang=\"en\"><title>Java</title><h1>Java</h1>" + content + "</html>";
        var bytes = body.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "text/html; charset=utf-8");
        exchange.getResponseHeaders().set("Cache-Control", "no-store");
        exchange.sendResponseHeaders(status, bytes.length);
        exchange.getResponseBody().write(bytes);
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
    }

    private static String setting(String name, String fallback) {
        return Optional.ofNullable(System.getenv(name)).orElse(fallback);
    }
}
