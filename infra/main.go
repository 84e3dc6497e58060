// The Pulumi program of lambda-web: `pulumi up` runs it.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"lambda-web/infra/webapp"
)

func main() {
	pulumi.Run(webapp.Deploy)
}
