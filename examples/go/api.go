package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

// api takes JWT access tokens (RFC 9068). It shares no more with the site than the issuer.
type api struct {
	provider *oidc.Provider
	// audience is the identifier under which the provider knows this API: the key in `resources`.
	audience string
}

type claims struct {
	Sub    string `json:"sub"`
	Client string `json:"client_id"`
	Scope  string `json:"scope"`
}

func (a *api) answer(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	found, err := a.check(r.Context(), token)
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
		w.Write([]byte(`{"error":"invalid_token"}`))
		return
	}
	json.NewEncoder(w).Encode(map[string]string{"sub": found.Sub, "client": found.Client, "scope": found.Scope})
}

// check looks at type, signature, issuer, audience and expiry: without any of them a token for somebody else would do.
func (a *api) check(ctx context.Context, token string) (found claims, err error) {
	// An ID token is signed by the same keys; only its type tells them apart for sure (RFC 9068 section 4).
	if typ := strings.ToLower(typeOf(token)); typ != "at+jwt" && typ != "application/at+jwt" {
		return found, errors.New("not an access token")
	}
	verified, err := a.provider.Verifier(&oidc.Config{ClientID: a.audience}).Verify(ctx, token)
	if err != nil {
		return found, err
	}
	if err := verified.Claims(&found); err != nil {
		return found, err
	}
	if found.Sub == "" || found.Client == "" {
		return found, errors.New("not an access token")
	}
	return found, nil
}

func typeOf(token string) string {
	first, _, _ := strings.Cut(token, ".")
	var header struct {
		Type string `json:"typ"`
	}
	raw, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil || json.Unmarshal(raw, &header) != nil {
		return ""
	}
	return header.Type
}
