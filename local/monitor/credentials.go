package monitor

import (
	"encoding/json"
	"fmt"

	"lambda-web/local/gateway"
)

// The credentials that the local cloud accepts. They are no secret: they open nothing but an API on this
// machine.
const (
	AccessKeyID     = "LOCALCLOUDACCESSKEY1"
	SecretAccessKey = "local-cloud-secret-access-key-1234567890"
)

// caller is the user those credentials belong to. It may call every method of the API.
func caller(a account, apiID string) gateway.Principal {
	return gateway.Principal{
		AccessKeyID: AccessKeyID, SecretAccessKey: SecretAccessKey,
		AccountID: a.id(), UserID: "AIDALOCALCLOUDUSER01", ARN: a.arn("iam", "user/local"),
		Policy: fmt.Appendf(nil,
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"execute-api:Invoke","Resource":%q}]}`,
			a.arn("execute-api", apiID+"/*")),
	}
}

// Signed tells whether an API of the deployment asks for signed requests (AWS_IAM).
func (d *Deployment) Signed() bool {
	for _, r := range d.OfType("aws:apigateway/restApi:RestApi") {
		if signed(text(r.Inputs, "body")) {
			return true
		}
	}
	return false
}

// signed looks for the security scheme of AWS_IAM in an OpenAPI document.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authtype.html
func signed(document string) bool {
	var parsed struct {
		Components struct {
			SecuritySchemes map[string]struct {
				AuthType string `json:"x-amazon-apigateway-authtype"`
			} `json:"securitySchemes"`
		} `json:"components"`
	}
	if json.Unmarshal([]byte(document), &parsed) != nil {
		return false
	}
	for _, scheme := range parsed.Components.SecuritySchemes {
		if scheme.AuthType == "awsSigv4" {
			return true
		}
	}
	return false
}
