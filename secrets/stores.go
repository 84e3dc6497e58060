package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"lambda-web/secrets/reference"
)

// stores are Secrets Manager and Parameter Store as a function reaches them.
type stores struct {
	environment []string
	client      http.Client
	credentials func(context.Context) (aws.Credentials, error)
}

func newStores(environment []string) *stores {
	s := &stores{environment: environment}
	var mu sync.Mutex
	var found *aws.Credentials
	s.credentials = func(ctx context.Context) (aws.Credentials, error) {
		mu.Lock()
		defer mu.Unlock()
		if found != nil {
			return *found, nil
		}
		c, err := s.findCredentials(ctx)
		if err == nil {
			found = &c
		}
		return c, err
	}
	return s
}

// findCredentials: a function has its role's in variables, and at an address where it is made from a snapshot
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime).
func (s *stores) findCredentials(ctx context.Context) (aws.Credentials, error) {
	c := aws.Credentials{AccessKeyID: lookup(s.environment, "AWS_ACCESS_KEY_ID"),
		SecretAccessKey: lookup(s.environment, "AWS_SECRET_ACCESS_KEY"),
		SessionToken:    lookup(s.environment, "AWS_SESSION_TOKEN")}
	address := lookup(s.environment, "AWS_CONTAINER_CREDENTIALS_FULL_URI")
	switch {
	case c.AccessKeyID != "":
		return c, nil
	case address == "":
		return c, errors.New("there are no AWS credentials in the environment")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return c, fmt.Errorf("ask for credentials: %w", err)
	}
	request.Header.Set("Authorization", lookup(s.environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN"))
	answer, err := s.client.Do(request)
	if err != nil {
		return c, fmt.Errorf("ask for credentials: %w", err)
	}
	defer answer.Body.Close()
	var given struct{ AccessKeyId, SecretAccessKey, Token string }
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(&given); err != nil ||
		given.AccessKeyId == "" {
		return c, fmt.Errorf("ask for credentials: the answer is %s and has none", answer.Status)
	}
	return aws.Credentials{AccessKeyID: given.AccessKeyId, SecretAccessKey: given.SecretAccessKey,
		SessionToken: given.Token}, nil
}

// maxAnswer is above what a secret may have (64 KB) with what is around it, in bytes.
const maxAnswer = 1 << 20

// call makes one call and makes it again for as long as there is hope and time.
func (s *stores) call(ctx context.Context, r reference.Reference, target string, input, output any) error {
	body, err := json.Marshal(input)
	if err != nil {
		return err
	}
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		again, err := s.try(ctx, r, target, body, output)
		if !again || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// try makes one attempt; again says that another one may do better.
func (s *stores) try(ctx context.Context, r reference.Reference, target string, body []byte, output any) (again bool,
	err error) {
	region := cmp.Or(r.Region, lookup(s.environment, "AWS_REGION"), lookup(s.environment, "AWS_DEFAULT_REGION"))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint(r.Store, region), bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", target)
	credentials, err := s.credentials(ctx)
	if err != nil {
		return true, err
	}
	hash := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, request, hex.EncodeToString(hash[:]), r.Store, region,
		time.Now()); err != nil {
		return false, err
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return true, fmt.Errorf("%s cannot be asked for: %w", r.ID, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return true, fmt.Errorf("%s: read the answer: %w", r.ID, err)
	}
	if answer.StatusCode != http.StatusOK {
		return refusal(answer, text, r)
	}
	if err := json.Unmarshal(text, output); err != nil {
		return false, fmt.Errorf("%s: the answer is not JSON", r.ID)
	}
	return false, nil
}

// endpoint is where a store answers, or where the variables of all AWS SDKs say
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html).
func (s *stores) endpoint(store, region string) string {
	own := map[string]string{reference.SecretsManager: "AWS_ENDPOINT_URL_SECRETS_MANAGER",
		reference.ParameterStore: "AWS_ENDPOINT_URL_SSM"}[store]
	if given := cmp.Or(lookup(s.environment, own), lookup(s.environment, "AWS_ENDPOINT_URL")); given != "" {
		return strings.TrimSuffix(given, "/") + "/"
	}
	domain := "amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		domain = "amazonaws.com.cn"
	}
	return "https://" + store + "." + region + "." + domain + "/"
}

// refusal is what a store says instead of a value.
func refusal(answer *http.Response, text []byte, r reference.Reference) (again bool, err error) {
	var said struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
		Capital string `json:"Message"`
	}
	json.Unmarshal(text, &said) // what is not JSON is shown by its status
	kind := said.Type[strings.LastIndex(said.Type, "#")+1:]
	again = answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests || strings.Contains(kind,
		"Throttl")
	err = fmt.Errorf("%s cannot be read: %s", r.ID, strings.TrimSpace(answer.Status+" "+kind+" "+cmp.Or(said.Message,
		said.Capital)))
	if kind == "AccessDeniedException" {
		err = fmt.Errorf("%w (the function's role may read what the setting secrets names; a key of your own "+
			"also needs secretsKmsKeyArn)", err)
	}
	return again, err
}
