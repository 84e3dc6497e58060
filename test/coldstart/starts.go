package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	"lambda-web/test/endtoend"
	"lambda-web/test/launch"
)

// starts are the cold starts of an app in one way: what its first request took, and the init of it in milliseconds.
// There are no inits where the app was started before the request came.
// With SnapStart a restore takes the place of the init; on this machine that is its protocol alone.
type starts struct{ inits, restores, firsts []float64 }

func (s starts) init() string {
	if len(s.restores) > 0 {
		return "restore " + median(s.restores)
	}
	return median(s.inits)
}

func (s starts) first() string { return median(s.firsts) }

func median(milliseconds []float64) string {
	if len(milliseconds) == 0 {
		return "before"
	}
	slices.Sort(milliseconds)
	return fmt.Sprintf("%.0f ms", milliseconds[len(milliseconds)/2])
}

// measure starts an app so many times, and once before that: the first start installs packages and fills caches.
func measure(e endtoend.Example, times int) (result starts, err error) {
	for i := range times + 1 {
		var once starts
		if err := startOnce(e, &once); err != nil {
			return result, err
		}
		if i > 0 {
			result.inits = append(result.inits, once.inits...)
			result.restores = append(result.restores, once.restores...)
			result.firsts = append(result.firsts, once.firsts...)
		}
	}
	return result, nil
}

func startOnce(e endtoend.Example, s *starts) error {
	e.Cold = true
	cloud, err := endtoend.Start(e)
	if err != nil {
		return err
	}
	return errors.Join(s.firstRequest(cloud), cloud.Stop())
}

// The line of the platform about a request names the init or the restore that it had to wait for.
var (
	initReport    = regexp.MustCompile(`\tInit Duration: ([0-9.]+) ms`)
	restoreReport = regexp.MustCompile(`\tRestore Duration: ([0-9.]+) ms`)
)

// client takes a redirect for the page that it is.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// firstRequest opens the app's first page.
func (s *starts) firstRequest(cloud *launch.Cloud) error {
	began := time.Now()
	response, err := client.Get(cloud.URL + "/")
	if err != nil {
		return fmt.Errorf("the first request: %w", err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return fmt.Errorf("the first request: %w", err)
	}
	first := float64(time.Since(began).Microseconds()) / 1000
	if response.StatusCode >= 400 {
		return fmt.Errorf("the first page has status %d, so nothing was measured; is the machine busy with "+
			"other things? The local cloud printed:\n%s", response.StatusCode, cloud.Log())
	}
	line, err := cloud.Await(0, 10*time.Second, "| REPORT RequestId")
	if err != nil {
		return err
	}
	if match := restoreReport.FindStringSubmatch(line); match != nil {
		took, err := strconv.ParseFloat(match[1], 64)
		if err != nil {
			return err
		}
		s.restores = append(s.restores, took)
	}
	if match := initReport.FindStringSubmatch(line); match != nil {
		took, err := strconv.ParseFloat(match[1], 64)
		if err != nil {
			return err
		}
		if first < took { // the local cloud has started it ahead of the request, which on Lambda would have waited
			first += took
		}
		s.inits = append(s.inits, took)
	}
	s.firsts = append(s.firsts, first)
	return nil
}
