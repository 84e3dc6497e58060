// Package names says how the AWS resources of a web app are called: the program gives the names, and
// the deployer's policy is written for them.
package names

import "strings"

// Longest is how long a web app's name may be, in characters. It leaves room for what is added to it:
// a role's name has at most 64 (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const Longest = 40

// Names that the program gives: they are the same in every deployment and have nothing added.

// Log is the log group of the app.
func Log(name string) string { return "/aws/lambda/" + name }

// AccessLog is the log group of the API.
func AccessLog(name string) string { return "/aws/apigateway/" + name }

// Dashboard is the CloudWatch dashboard.
func Dashboard(name string) string { return name }

// Generated is the pattern of all other names, such as the function's and the roles': Pulumi adds a
// purpose (-alarms) and seven random digits to the web app's name.
func Generated(name string) string { return name + "-*" }

// Task is what the name of the function that runs commands begins with, and the app's name in that of its log group.
func Task(name string) string { return name + "-task" }

// Repository is the pattern of the image repository's name. The awsx component makes it of lower
// case letters, as ECR has it (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html).
func Repository(name string) string { return strings.ToLower(Generated(name)) }
