package webapp

import (
	"fmt"
	"strings"

	awsecr "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecr"
	"github.com/pulumi/pulumi-awsx/sdk/v2/go/awsx/ecr"
	"github.com/pulumi/pulumi-docker/sdk/v4/go/docker"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// appImage is the app's image and where it lies.
type appImage struct {
	digest     pulumi.StringOutput // repository@sha256:...
	repository pulumi.StringOutput // its URL; unset for an image that another stack made
	ready      []pulumi.Resource   // what the function waits for
}

// image is the one that is run: made here, or by another stack.
func (b builder) image(staged stagedImage) (*appImage, error) {
	if b.args.promotes() {
		return b.promoted()
	}
	return b.built(staged)
}

// built builds the staged context and pushes it. The tag is the content's, so the same content is
// neither built nor pushed twice; what the function runs is the digest.
func (b builder) built(staged stagedImage) (*appImage, error) {
	repository, err := b.repository()
	if err != nil {
		return nil, fmt.Errorf("repository: %w", err)
	}
	pull, err := b.pullPolicy(repository)
	if err != nil {
		return nil, err
	}
	imageName, err := b.imageName(repository, staged)
	if err != nil {
		return nil, err
	}
	image, err := docker.NewImage(b.ctx, b.name, &docker.ImageArgs{
		ImageName: imageName,
		Build:     b.build(repository, staged),
		Registry:  b.registry(repository),
	}, b.parent)
	if err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	return &appImage{digest: image.RepoDigest, repository: repository.Url, ready: []pulumi.Resource{pull}}, nil
}

func (b builder) build(repository *ecr.Repository, staged stagedImage) docker.DockerBuildArgs {
	args := pulumi.ToStringMap(b.args.BuildArgs)
	build := docker.DockerBuildArgs{
		Context:        pulumi.String(staged.context),
		Dockerfile:     pulumi.String(staged.dockerfile),
		Platform:       pulumi.String("linux/" + b.args.goArchitecture()),
		BuilderVersion: docker.BuilderVersionBuilderBuildKit,
		Args:           args,
	}
	if b.args.BuildCache {
		// The image says which layers it has, and a tag that is always the same says where the last one is;
		// a digest would be a difference, and a build, in each plan.
		args["BUILDKIT_INLINE_CACHE"] = pulumi.String("1")
		build.CacheFrom = docker.CacheFromArgs{Images: pulumi.StringArray{pulumi.Sprintf("%s:%s", repository.Url,
			b.args.cacheTag())}}
	}
	return build
}

// cacheTag is the tag of the image whose layers the next build may take.
func (a Args) cacheTag() string { return "cache-" + a.goArchitecture() }

// imageName is repository and tag. Where tags are immutable, going back to earlier content would push its
// tag once more, which ECR refuses even for the same image; so each change of content has digits of its own there.
func (b builder) imageName(repository *ecr.Repository, staged stagedImage) (pulumi.StringOutput, error) {
	if b.args.ImageTagMutability != Immutable {
		return pulumi.Sprintf("%s:%s", repository.Url, staged.tag), nil
	}
	digits, err := b.randomHex(b.name+"-image", staged.tag)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("tag: %w", err)
	}
	return pulumi.Sprintf("%s:%s-%s", repository.Url, staged.tag, digits), nil
}

func (b builder) repository() (*ecr.Repository, error) {
	args := &ecr.RepositoryArgs{
		ForceDelete:                pulumi.Bool(true), // or destroy would stop at the images
		ImageTagMutability:         pulumi.String(b.args.ImageTagMutability),
		ImageScanningConfiguration: awsecr.RepositoryImageScanningConfigurationArgs{ScanOnPush: pulumi.Bool(true)},
		LifecyclePolicy: &ecr.LifecyclePolicyArgs{Rules: ecr.LifecyclePolicyRuleArray{ecr.LifecyclePolicyRuleArgs{
			Description:           pulumi.Sprintf("Keep the newest %d images", b.args.ImageRetention),
			TagStatus:             ecr.LifecycleTagStatusAny,
			MaximumNumberOfImages: pulumi.Float64(b.args.ImageRetention),
		}}},
	}
	if b.args.RepositoryKMSKey != nil {
		args.EncryptionConfigurations = awsecr.RepositoryEncryptionConfigurationArray{awsecr.RepositoryEncryptionConfigurationArgs{
			EncryptionType: pulumi.String("KMS"),
			KmsKey:         optional(b.args.RepositoryKMSKey),
		}}
	}
	return ecr.NewRepository(b.ctx, b.name, args, b.parent, when(b.args.Protect, pulumi.Protect(true)))
}

// registry is where and as whom the image is pushed. The password is a token of twelve hours.
func (b builder) registry(repository *ecr.Repository) docker.RegistryArgs {
	token := awsecr.GetAuthorizationTokenOutput(b.ctx, awsecr.GetAuthorizationTokenOutputArgs{
		RegistryId: repository.Url.ApplyT(registryID).(pulumi.StringOutput).ToStringPtrOutput(),
	}, b.parent)
	return docker.RegistryArgs{
		Server:   repository.Url,
		Username: token.UserName(),
		Password: pulumi.ToSecret(token.Password()).(pulumi.StringOutput),
	}
}

// pullPolicy lets Lambda fetch the image for functions of this region, in this account and those that
// imagePullAccounts names. Lambda would add
// such a statement by itself if whoever deploys could write repository policies at any time.
func (b builder) pullPolicy(repository *ecr.Repository) (*awsecr.RepositoryPolicy, error) {
	pull, err := awsecr.NewRepositoryPolicy(b.ctx, b.name, &awsecr.RepositoryPolicyArgs{
		Repository: repository.Url.ApplyT(repositoryName).(pulumi.StringOutput),
		Policy: repository.Url.ApplyT(func(url string) (string, error) {
			return document(b.args.pullStatements(url)...)
		}).(pulumi.StringOutput),
	}, b.parent)
	if err != nil {
		return nil, fmt.Errorf("repository policy: %w", err)
	}
	return pull, nil
}

// A repository's URL is <account>.dkr.ecr.<region>.amazonaws.com/<name>
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html).

func registryID(url string) string {
	id, _, _ := strings.Cut(url, ".")
	return id
}

func registryRegion(url string) string {
	if parts := strings.Split(url, "."); len(parts) > 3 {
		return parts[3]
	}
	return "*"
}

func repositoryName(url string) string {
	_, name, _ := strings.Cut(url, "/")
	return name
}
