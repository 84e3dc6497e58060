package webapp

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// promotes reports whether the image is one that another stack, or somebody else, made: then nothing
// is built, and the app's folder and Docker are of no interest.
func (a Args) promotes() bool { return a.Image != nil || a.ImageFrom != "" }

// promoted is the image that image or imageFrom names.
func (b builder) promoted() (*appImage, error) {
	if b.args.Image != nil {
		return &appImage{digest: b.args.Image.ToStringOutput()}, nil
	}
	from, err := pulumi.NewStackReference(b.ctx, b.name+"-image", &pulumi.StackReferenceArgs{
		Name: pulumi.String(stackName(b.args.ImageFrom, b.ctx.Organization(), b.ctx.Project())),
	}, b.parent)
	if err != nil {
		return nil, fmt.Errorf("stack %s: %w", b.args.ImageFrom, err)
	}
	digest := from.Outputs.ApplyT(func(outputs any) (string, error) {
		return digestOf(outputs.(map[string]any), b.args)
	}).(pulumi.StringOutput)
	return &appImage{digest: digest}, nil
}

// stackName completes the name of a stack to <organization>/<project>/<stack>.
func stackName(given, organization, project string) string {
	switch strings.Count(given, "/") {
	case 0:
		return organization + "/" + project + "/" + given
	case 1:
		return organization + "/" + given
	}
	return given
}

// digestOf takes the image out of another stack's outputs, if it is one that can run here.
func digestOf(outputs map[string]any, args Args) (string, error) {
	digest, _ := outputs["imageDigest"].(string)
	if digest == "" {
		return "", fmt.Errorf("imageFrom: stack %s has no output imageDigest; deploy a web app there first",
			args.ImageFrom)
	}
	if made, _ := outputs["architecture"].(string); made != "" && made != args.Architecture {
		return "", fmt.Errorf("imageFrom: the image of stack %s is for %s, and architecture here is %s; set "+
			"both to the same", args.ImageFrom, made, args.Architecture)
	}
	if fetches, _ := outputs["fetchesSecrets"].(bool); len(args.Secrets) > 0 && !fetches {
		return "", fmt.Errorf("imageFrom: the image of stack %s was built without secrets, and nothing in it "+
			"would fetch those set here; set secrets there too", args.ImageFrom)
	}
	return digest, nil
}

var (
	// imageAllowed is an image in ECR at its digest (https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html).
	imageAllowed = regexp.MustCompile(`^\d{12}\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?/[a-z0-9]+([._/-][a-z0-9]+)*@sha256:[0-9a-f]{64}$`)
	// stackAllowed: https://www.pulumi.com/docs/iac/concepts/stacks/
	stackAllowed = regexp.MustCompile(`^([\w.-]+/){0,2}[\w.-]+$`)
)

func checkPromotion(args Args, found *mistakes) {
	if args.Image != nil && args.ImageFrom != "" {
		found.add("imageFrom", "the image cannot come from a stack and from image; leave one of them out")
	}
	if image, known := args.Image.(pulumi.String); known && !imageAllowed.MatchString(string(image)) {
		found.add("image",
			"%q is not an image in ECR at its digest; use one such as the output imageDigest, "+
				"<account>.dkr.ecr.<region>.amazonaws.com/<name>@sha256:...", image)
	}
	if args.ImageFrom != "" && !stackAllowed.MatchString(args.ImageFrom) {
		found.add("imageFrom", "%q is not the name of a stack; use one such as dev, or organization/project/dev",
			args.ImageFrom)
	}
	for _, id := range args.ImagePullAccounts {
		if !accountAllowed.MatchString(id) {
			found.add("imagePullAccounts", "%q is not an account id; use its 12 digits", id)
		}
	}
	if len(args.ImagePullAccounts) > 0 && args.promotes() {
		found.add("imagePullAccounts", "is of no use where no image is made; set it in the stack that makes it")
	}
}

// checkImagePlace: Lambda takes images of its own region alone
// (https://docs.aws.amazon.com/lambda/latest/dg/images-create.html).
func checkImagePlace(s Settings, found *mistakes) {
	image, _ := s.Image.(pulumi.String)
	if parts := imageAllowed.FindStringSubmatch(string(image)); parts != nil && s.Region != "" && parts[1] != s.Region {
		found.add("image",
			"is in %s, and the web app goes to %s (aws:region); Lambda takes images of its own region only", parts[1],
			s.Region)
	}
}

// pullStatements let Lambda fetch images of a repository for the functions of its own account, and of
// those named: for another account, the account itself has to be allowed too
// (https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#configuration-images-xaccount-permissions).
func (a Args) pullStatements(url string) []statement {
	pull := []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
	functions := func(account string) string {
		return fmt.Sprintf("arn:*:lambda:%s:%s:function:*", registryRegion(url), account)
	}
	lambda := statement{Sid: "LambdaPullsTheImage", Effect: "Allow",
		Principal: map[string]string{"Service": "lambda.amazonaws.com"}, Action: pull}
	sources := []string{functions(registryID(url))}
	var others []statement
	for _, account := range a.ImagePullAccounts {
		sources = append(sources, functions(account))
		others = append(others, statement{Sid: "Account" + account, Effect: "Allow",
			Principal: map[string]string{"AWS": account}, Action: pull})
	}
	lambda.Condition = map[string]map[string][]string{"StringLike": {"aws:SourceArn": sources}}
	return append([]statement{lambda}, others...)
}
