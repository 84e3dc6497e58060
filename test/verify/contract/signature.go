package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"lambda-web/test/verify/wire"
)

// Signature is how a request is signed. The zero value is as it should be.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
type Signature struct {
	Off       time.Duration // of the clock
	Region    string
	Service   string
	Account   *aws.Credentials
	Presigned time.Duration // the signature is in the query, and holds for so long
	Payload   string        // in the place of the body's hash
}

// Signed is a request with a signature by the signer of the AWS SDK.
func (r *Run) Signed(q wire.Request, how Signature) wire.Request {
	account, region, service := r.Account, r.Region, "execute-api"
	if how.Account != nil {
		account = *how.Account
	}
	if how.Region != "" {
		region = how.Region
	}
	if how.Service != "" {
		service = how.Service
	}
	request, payload := r.signable(q, how)
	at := time.Now().Add(how.Off)
	if how.Presigned > 0 {
		signed, _, err := v4.NewSigner().PresignHTTP(r.ctx, account, request, payload, service, region, at)
		u, mistake := url.Parse(signed)
		if err := errors.Join(err, mistake); err != nil {
			r.Fail("presign: %v", err)
			return q
		}
		path, _, _ := strings.Cut(q.Target, "?")
		q.Target = path + "?" + u.RawQuery
		return q
	}
	if err := v4.NewSigner().SignHTTP(r.ctx, account, request, payload, service, region, at); err != nil {
		r.Fail("sign: %v", err)
		return q
	}
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256"} {
		if value := request.Header.Get(name); value != "" {
			q = q.With(name, value)
		}
	}
	return q
}

// signable is a request as the signer takes it, and the hash of its body. The order to the app is not signed.
func (r *Run) signable(q wire.Request, how Signature) (request *http.Request, payload string) {
	u := *r.URL
	path, query, _ := strings.Cut(q.Target, "?")
	u.Opaque, u.RawQuery = "//"+u.Host+path, query
	request = &http.Request{Method: q.Method, URL: &u, Host: u.Host, Header: http.Header{}}
	for _, f := range q.Header {
		if !strings.EqualFold(f.Name, "X-Verify") {
			request.Header.Add(f.Name, f.Value)
		}
	}
	hash := sha256.Sum256(q.Body)
	payload = hex.EncodeToString(hash[:])
	if how.Payload != "" {
		payload = how.Payload
		request.Header.Set("X-Amz-Content-Sha256", payload)
	}
	if how.Presigned > 0 {
		expires := "&X-Amz-Expires=" + strconv.Itoa(int(how.Presigned.Seconds()))
		u.RawQuery = strings.TrimPrefix(query+expires, "&")
	} else if q.Body != nil {
		request.ContentLength = int64(len(q.Body))
	}
	return request, payload
}
