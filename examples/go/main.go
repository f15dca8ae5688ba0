// A web site that signs people in with go-oidc and x/oauth2. Tokens stay on this server. Beside it an API that takes JWT
// access tokens (api.go).
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"html/template"
	"log"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// asked is what one authorization request has to be answered with.
type asked struct{ state, nonce, verifier string }

type session struct {
	asked     *asked
	Email     string
	Sub       string
	Refreshed int
	token     *oauth2.Token
	idToken   string
}

type site struct {
	home       string
	issuer     string
	endSession string
	config     oauth2.Config
	provider   *oidc.Provider

	// By the value of the session cookie; a real site keeps them in a store and lets them expire.
	mutex    sync.Mutex
	sessions map[string]*session
}

var page = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><title>Go</title><h1>Go</h1>
{{if .Sub}}
<p>Signed in as <strong id="email">{{.Email}}</strong> (<code id="sub">{{.Sub}}</code>)</p>
<p>Refreshed <span id="refreshed">{{.Refreshed}}</span> times</p>
<form method="post" action="/refresh"><button>Refresh</button></form>
<form method="post" action="/logout"><button>Sign out</button></form>
{{else}}<a href="/login">Sign in</a>{{end}}</html>`))

func main() {
	port := setting("PORT", "4004")
	redirect := setting("REDIRECT_URI", "http://localhost:"+port+"/callback")
	issuer := setting("ISSUER", "http://localhost:3000/shop")
	provider, err := discover(issuer)
	if err != nil {
		log.Fatal(err)
	}
	var metadata struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&metadata); err != nil {
		log.Fatal(err)
	}
	base, err := url.Parse(redirect)
	if err != nil {
		log.Fatal(err)
	}
	s := &site{
		home:       base.Scheme + "://" + base.Host + "/",
		issuer:     issuer,
		endSession: metadata.EndSession,
		provider:   provider,
		sessions:   map[string]*session{},
		config: oauth2.Config{
			ClientID:     setting("CLIENT_ID", "go"),
			ClientSecret: os.Getenv("CLIENT_SECRET"),
			RedirectURL:  redirect,
			Endpoint:     provider.Endpoint(),
			Scopes:       []string{oidc.ScopeOpenID, "email", oidc.ScopeOfflineAccess},
		},
	}
	http.HandleFunc("GET /{$}", s.index)
	http.HandleFunc("GET /login", s.login)
	http.HandleFunc("GET /callback", s.callback)
	http.HandleFunc("POST /refresh", s.refresh)
	http.HandleFunc("POST /logout", s.logout)
	http.HandleFunc("GET /api", (&api{provider: provider, audience: setting("AUDIENCE", "https://api.shop.example")}).answer)
	log.Println("Open", s.home)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, nil))
}

// discover tries for a while, so that this server may be started together with the issuer.
func discover(issuer string) (provider *oidc.Provider, err error) {
	for range 20 {
		if provider, err = oidc.NewProvider(context.Background(), issuer); err == nil {
			return provider, nil
		}
		time.Sleep(500 * time.Millisecond)
	}
	return nil, err
}

func (s *site) index(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := page.Execute(w, s.session(r)); err != nil {
		log.Print(err)
	}
}

func (s *site) login(w http.ResponseWriter, r *http.Request) {
	a := &asked{state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	s.start(w, r, &session{asked: a})
	target := s.config.AuthCodeURL(a.state, oidc.Nonce(a.nonce), oauth2.S256ChallengeOption(a.verifier))
	http.Redirect(w, r, target, http.StatusSeeOther)
}

func (s *site) callback(w http.ResponseWriter, r *http.Request) {
	found, err := s.finish(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	// A new session id after signing in: whoever planted the old one gains nothing (session fixation).
	s.start(w, r, found)
	http.Redirect(w, r, s.home, http.StatusSeeOther)
}

func (s *site) finish(r *http.Request) (*session, error) {
	a, query := s.session(r).asked, r.URL.Query()
	if a == nil || query.Get("state") != a.state {
		return nil, errors.New("this browser did not begin that sign-in")
	}
	// RFC 9207: the answer has to come from the issuer that was asked.
	if query.Get("iss") != s.issuer {
		return nil, errors.New("the answer is from another issuer")
	}
	if code := query.Get("error"); code != "" {
		return nil, errors.New(code + ": " + query.Get("error_description"))
	}
	token, err := s.config.Exchange(r.Context(), query.Get("code"), oauth2.VerifierOption(a.verifier))
	if err != nil {
		return nil, err
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := s.provider.Verifier(&oidc.Config{ClientID: s.config.ClientID}).Verify(r.Context(), raw)
	if err != nil {
		return nil, err
	}
	if idToken.Nonce != a.nonce {
		return nil, errors.New("the nonce is not the one that was sent")
	}
	user, err := s.provider.UserInfo(r.Context(), oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, err
	}
	if user.Subject != idToken.Subject {
		return nil, errors.New("userinfo is about somebody else")
	}
	return &session{Email: user.Email, Sub: user.Subject, token: token, idToken: raw}, nil
}

func (s *site) refresh(w http.ResponseWriter, r *http.Request) {
	found := s.session(r)
	if found.token != nil {
		// The refresh token alone makes the source ask at once; the answer brings the next refresh token.
		old := &oauth2.Token{RefreshToken: found.token.RefreshToken}
		token, err := s.config.TokenSource(r.Context(), old).Token()
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		s.mutex.Lock()
		found.token = token
		found.Refreshed++
		s.mutex.Unlock()
	}
	http.Redirect(w, r, s.home, http.StatusSeeOther)
}

func (s *site) logout(w http.ResponseWriter, r *http.Request) {
	found := s.session(r)
	s.start(w, r, &session{})
	target := s.home
	if found.idToken != "" {
		query := url.Values{"id_token_hint": {found.idToken}, "post_logout_redirect_uri": {s.home}}
		target = s.endSession + "?" + query.Encode()
	}
	http.Redirect(w, r, target, http.StatusSeeOther)
}

func (s *site) session(r *http.Request) *session {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if cookie, err := r.Cookie("go_session"); err == nil {
		if found := s.sessions[cookie.Value]; found != nil {
			return found
		}
	}
	return &session{}
}

// start replaces the session of this browser by another one under a new id.
func (s *site) start(w http.ResponseWriter, r *http.Request, fresh *session) {
	id := rand.Text()
	s.mutex.Lock()
	if cookie, err := r.Cookie("go_session"); err == nil {
		delete(s.sessions, cookie.Value)
	}
	s.sessions[id] = fresh
	s.mutex.Unlock()
	// Lax keeps the cookie out of other sites' form posts; over https it would be __Host-… and Secure as well.
	http.SetCookie(w, &http.Cookie{
		Name: "go_session", Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func setting(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}
