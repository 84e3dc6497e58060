// Command adapter is a Lambda extension that puts a web app, unchanged, on AWS Lambda: it takes the
// invocations of the function from the Runtime API, turns each event into an HTTP request to the
// app, and the app's response into what the source of the event expects. The binary is named
// lambda-adapter and stands in /opt/extensions.
//
// The way of an invocation: lambdaapi takes it, event finds out what it is, request makes an HTTP
// request of it, webapp sends that to the app, reply encodes the response, lambdaapi sends it.
//
// With the argument task it is the runtime of a function that runs commands of the app's image instead.
//
// Its own code uses neither fmt nor net/http. fmt allocates for what it formats, and the way of a
// small invocation allocates nothing. net/http would make the binary, which every cold start loads,
// twice as large, and an invocation cost ten times the CPU time: docs/performance.md has the figures
// of a naive adapter that uses it.
package main

import (
	"errors"
	"os"
	"time"

	"lambda-web/adapter/internal/lambdaapi"
	"lambda-web/adapter/internal/logging"
	"lambda-web/adapter/internal/settings"
	"lambda-web/adapter/internal/writable"
)

// processStart is when the budget of asynchronous init begins.
var processStart = time.Now()

func main() {
	if len(os.Args) > 1 && os.Args[1] == taskArgument {
		os.Exit(runTasks())
	}
	// Lambda holds the app back until every extension is registered: what the app must find comes
	// before that, and nothing else does.
	unprepared := writable.Prepare()
	extension := lambdaapi.Begin(os.Getenv("AWS_LAMBDA_RUNTIME_API"))
	os.Exit(run(extension, unprepared))
}

// run is the life of the process; it returns the exit code.
func run(extension *lambdaapi.Extension, unprepared []error) int {
	ignoreBrokenPipes()
	config, warnings, mistakes := settings.Read(os.Environ())
	log := logging.New(os.Stdout, config.LogLevel, config.LogJSON)
	var end termination
	end.listen(log)
	if err := register(extension, &config, mistakes); err != nil {
		log.Write(logging.Fatal, nil, err.Error())
		return 1
	}
	for _, warning := range warnings {
		log.Write(logging.Warn, nil, warning)
	}
	for _, problem := range unprepared {
		log.Write(logging.Error, nil, "a folder that the image wants to be writable is not as it should be: "+
			problem.Error())
	}
	if config.Task {
		extension.Park() // the runtime takes the invocations
	}
	go extension.Park()

	a := newAdapter(config, log, &end, processStart)
	if err := a.awaitApp(); err != nil {
		log.Write(logging.Fatal, nil, err.Error())
		return 1
	}
	if err := a.serve(); err != nil {
		log.Write(logging.Fatal, nil, err.Error())
	}
	return 1 // an adapter serves until Lambda ends it
}

// register finishes the registration, and reports mistakes in the settings to Lambda.
func register(extension *lambdaapi.Extension, config *settings.Settings, mistakes error) error {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") == "" {
		return errors.New("AWS_LAMBDA_RUNTIME_API is not set, so this is not AWS Lambda; " +
			"the app runs without the adapter here")
	}
	if err := extension.Finish(config.RegisterBase); err != nil {
		return err
	}
	if mistakes == nil {
		return nil
	}
	message := "the settings are not valid: " + mistakes.Error()
	if err := extension.FailInit("Extension.ConfigInvalid", message); err != nil {
		message += " (Lambda could not be told: " + err.Error() + ")"
	}
	return errors.New(message)
}
