package webapp

import (
	"crypto/sha256"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// frontVariable tells the adapter how it knows a request that came through the distribution: the
// SHA-256 digests, in hexadecimal digits and separated by a comma, of the values that frontHeader
// may have. It has digests because the app's process inherits the function's environment, and must
// not be able to speak for the distribution.
const frontVariable = "AWS_LWA_FRONT_SECRET_SHA256"

// frontHeader is what the distribution adds to each request, and the adapter takes out again
// (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/add-origin-custom-headers.html).
const frontHeader = "X-Lambda-Web-Front"

// frontSecretLength is how many letters and digits have the 256 bits of the digest.
const frontSecretLength = 43

// frontDigestsSize is how long the variable's value can be.
const frontDigestsSize = 2*2*sha256.Size + 1

// frontSecret is what the distribution and the adapter know of each other.
type frontSecret struct {
	sent    pulumi.StringOutput // a secret in the state
	digests pulumi.StringOutput // of what is sent and of what was sent before the last rotation
}

// fronted reports whether there is a distribution in front of the stage.
func (a Args) fronted() bool { return a.Front == FrontCloudFront }

// frontSecret makes the secret of each of the last two rotations. Two resources take turns, so that
// a rotation makes one anew and leaves the one that is being sent: until every edge location has
// the new one, the function knows both.
func (b builder) frontSecret() (*frontSecret, error) {
	if !b.args.fronted() {
		return nil, nil
	}
	rotation := b.args.FrontSecretRotation
	sent, err := b.rotated(rotation)
	if err != nil {
		return nil, err
	}
	made := &frontSecret{sent: sent, digests: sent.ApplyT(sha256Hex).(pulumi.StringOutput)}
	if rotation > 0 {
		before, err := b.rotated(rotation - 1)
		if err != nil {
			return nil, err
		}
		made.digests = pulumi.Sprintf("%s,%s", made.digests, before.ApplyT(sha256Hex))
	}
	// What nobody can turn back is no secret, and a preview may show that it changes.
	made.digests = pulumi.Unsecret(made.digests).(pulumi.StringOutput)
	return made, nil
}

// rotated is the secret of one rotation, kept by the resource for even ones or the one for odd ones.
func (b builder) rotated(rotation int) (pulumi.StringOutput, error) {
	turn := "even"
	if rotation%2 == 1 {
		turn = "odd"
	}
	return b.randomSecret(b.name+"-front-"+turn, frontSecretLength, strconv.Itoa(rotation))
}
