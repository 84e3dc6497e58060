package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"lambda-web/secrets/reference"
)

// fetchAll gets the value of every variable, all at once. Its error names each that cannot be had.
func fetchAll(ctx context.Context, s *stores, wanted map[string]string) (map[string]string, error) {
	var (
		mu     sync.Mutex
		values = map[string]string{}
		failed = map[string]error{}
		done   sync.WaitGroup
		once   = map[string]func() (string, error){} // several variables may be parts of one secret
	)
	for name, text := range wanted {
		r, err := reference.Parse(text)
		if err != nil {
			mu.Lock() // others are being fetched
			failed[name] = fmt.Errorf("%q %w", text, err)
			mu.Unlock()
			continue
		}
		fetch, ok := once[r.Store+r.ID]
		if !ok {
			fetch = sync.OnceValues(func() (string, error) { return s.fetch(ctx, r) })
			once[r.Store+r.ID] = fetch
		}
		done.Go(func() {
			value, err := fetch()
			if err == nil {
				value, err = part(value, r)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed[name] = err
				return
			}
			values[name] = value
		})
	}
	done.Wait()
	var mistakes []error
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		mistakes = append(mistakes, fmt.Errorf("%s: %w", name, failed[name]))
	}
	return values, errors.Join(mistakes...)
}

// part is the value, or the part of it that the key names. An error never quotes the value.
func part(value string, r reference.Reference) (string, error) {
	if strings.ContainsRune(value, 0) {
		return "", fmt.Errorf("%s holds a zero byte, which no environment variable can have", r.ID)
	}
	if r.Key == "" {
		return value, nil
	}
	decoder := json.NewDecoder(strings.NewReader(value))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		return "", fmt.Errorf("%s is not a JSON object, so it has no key %q", r.ID, r.Key)
	}
	switch v := object[r.Key].(type) {
	case string:
		return part(v, reference.Reference{ID: r.ID})
	case json.Number, bool:
		return fmt.Sprint(v), nil
	case nil:
		return "", fmt.Errorf("%s has no key %q; it has %s", r.ID, r.Key,
			strings.Join(slices.Sorted(maps.Keys(object)), ", "))
	}
	return "", fmt.Errorf("%s: the value of the key %q is neither a text nor a number nor a boolean", r.ID, r.Key)
}

// The calls: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html,
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html

func (s *stores) fetch(ctx context.Context, r reference.Reference) (string, error) {
	if r.Store == reference.ParameterStore {
		var answer struct{ Parameter struct{ Value *string } }
		err := s.call(ctx, r, "AmazonSSM.GetParameter", map[string]any{"Name": r.ID, "WithDecryption": true}, &answer)
		if err == nil && answer.Parameter.Value == nil {
			err = fmt.Errorf("%s has no value", r.ID)
		}
		if err != nil {
			return "", err
		}
		return *answer.Parameter.Value, nil
	}
	var answer struct {
		SecretString *string
		SecretBinary []byte
	}
	if err := s.call(ctx, r, "secretsmanager.GetSecretValue", map[string]any{"SecretId": r.ID}, &answer); err != nil {
		return "", err
	}
	switch {
	case answer.SecretString != nil:
		return *answer.SecretString, nil
	case answer.SecretBinary != nil:
		return base64.StdEncoding.EncodeToString(answer.SecretBinary), nil
	}
	return "", fmt.Errorf("%s has no value", r.ID)
}
