package buildcontext

// homes gives the image the folders that programs keep their own files in, where neither the app's
// Dockerfile nor its base image does. Lambda sets none of them, and /tmp is all that can be written to
// (https://docs.aws.amazon.com/lambda/latest/dg/images-create.html). The builder expands the variables
// with the environment that the base image has, which nobody else knows, so this is an instruction and
// no variable of the function: what an image sets stays.
const homes = "ENV HOME=${HOME:-/tmp} XDG_CACHE_HOME=${XDG_CACHE_HOME:-/tmp/.cache}"

// addHomes puts homes at the end, after every instruction that runs while the image is built.
func addHomes(overlaid []byte) []byte { return appendLine(overlaid, homes) }
