// Command bench measures what the local cloud costs: the latency that gateway, sandbox and adapter add
// to a request, against calling the same app directly in the same run, and the requests per second that
// eight sandboxes hold.
//
//	go run ./test/bench/cloud [-rounds 7] [-requests 400] BIN
//
// BIN is the folder of the built programs (local, infra, lambda-adapter).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"lambda-web/local/process"
	"lambda-web/test/launch"
)

func main() {
	rounds := flag.Int("rounds", 7, "measured rounds, after one to warm up")
	requests := flag.Int("requests", 400, "requests of a round")
	seconds := flag.Float64("seconds", 5, "length of the throughput run")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: bench [-rounds N] [-requests N] [-seconds S] BIN")
		os.Exit(2)
	}
	bin, err := filepath.Abs(flag.Arg(0))
	if err == nil {
		err = errors.Join(latency(bin, *rounds, *requests), throughput(bin, *seconds))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// latency calls the sample app's hello route directly and through the local cloud, in turns.
func latency(bin string, rounds, requests int) error {
	const route = "/api/hello?name=Ada"
	direct, stopDirect, err := startApp("app")
	if err != nil {
		return err
	}
	defer stopDirect()
	cloud, stopCloud, err := startCloud(bin)
	if err != nil {
		return err
	}
	defer stopCloud()

	var without, with []time.Duration
	for round := range rounds + 1 {
		a, err := measure(direct+route, requests)
		if err != nil {
			return err
		}
		b, err := measure(cloud+route, requests)
		if err != nil {
			return err
		}
		if round > 0 {
			without, with = append(without, a...), append(with, b...)
		}
	}
	fmt.Printf("GET %s, sample app, gunicorn with 4 threads, one client, %d requests each way\n\n", route, len(with))
	fmt.Println("|     | gunicorn alone | gateway + sandbox + adapter + gunicorn | added   |")
	fmt.Println("|-----|---------------:|---------------------------------------:|--------:|")
	for _, p := range []float64{0.50, 0.99} {
		x, y := percentile(without, p), percentile(with, p)
		fmt.Printf("| p%.0f | %11.2f ms | %35.2f ms | %4.2f ms |\n", p*100, ms(x), ms(y), ms(y-x))
	}
	fmt.Println()
	return nil
}

// throughput runs eight clients against eight sandboxes with an app that costs next to nothing.
func throughput(bin string, seconds float64) error {
	const sandboxes = 8
	app, err := os.MkdirTemp("", "lambda-web-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(app)
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(app, "serve"), "./test/bench/cloud/trivial")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the trivial app: %w\n%s", err, out)
	}
	dockerfile := "FROM scratch\nCOPY serve /serve\nCMD [\"/serve\"]\n"
	if err := os.WriteFile(filepath.Join(app, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		return err
	}
	cloud, stop, err := startCloud(bin, "-app", app, "-c", "provisionedConcurrency="+strconv.Itoa(sandboxes))
	if err != nil {
		return err
	}
	defer stop()
	one, err := measure(cloud+"/", 2000)
	if err != nil {
		return err
	}
	count, err := load(cloud+"/", sandboxes, time.Duration(seconds*float64(time.Second)))
	if err != nil {
		return err
	}
	fmt.Printf("Trivial app, %d sandboxes: %.0f requests/s with %d clients; one client: p50 %.2f ms, p99 "+
		"%.2f ms for the whole way\n",
		sandboxes, float64(count)/seconds, sandboxes, ms(percentile(one, 0.5)), ms(percentile(one, 0.99)))
	return nil
}

// startApp starts the app as its Dockerfile says, without Lambda, on a free port.
func startApp(folder string) (url string, stop func(), err error) {
	cache, err := filepath.Abs(".lambda-web")
	if err != nil {
		return "", nil, err
	}
	if folder, err = filepath.Abs(folder); err != nil {
		return "", nil, err
	}
	app, err := process.Prepare(context.Background(), process.Source{
		Folder: folder, Dockerfile: filepath.Join(folder, "Dockerfile"), Cache: cache, Log: io.Discard,
	})
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	address := listener.Addr().String()
	listener.Close()
	_, port, _ := net.SplitHostPort(address)
	command := exec.Command(app.Command[0], app.Command[1:]...)
	command.Dir = app.Dir
	command.Env = []string{"PORT=" + port}
	for name, value := range app.Env {
		command.Env = append(command.Env, name+"="+value)
	}
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return "", nil, fmt.Errorf("start the app: %w", err)
	}
	stop = func() {
		syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		command.Wait()
	}
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if response, err := http.Get("http://" + address + "/"); err == nil {
			response.Body.Close()
			return "http://" + address, stop, nil
		}
		if time.Now().After(deadline) {
			stop()
			return "", nil, errors.New("the app did not answer within 15 s")
		}
	}
}

const patience = 3 * time.Minute // the first start installs the app's packages

// startCloud starts the local cloud on a free port and waits until it is ready.
func startCloud(bin string, args ...string) (url string, stop func(), err error) {
	c, err := launch.Start(exec.Command(filepath.Join(bin, "local"), append([]string{"-bin", bin, "-port", "0",
		"-mode", "process"}, args...)...), patience, launch.Own)
	if err != nil {
		return "", nil, err
	}
	return c.URL, func() { c.Stop() }, nil
}

// measure sends requests one after the other over one connection.
func measure(url string, requests int) ([]time.Duration, error) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	took := make([]time.Duration, 0, requests)
	for range requests {
		started := time.Now()
		if err := get(client, url); err != nil {
			return nil, err
		}
		took = append(took, time.Since(started))
	}
	return took, nil
}

// load sends requests from several clients for a time and counts the answers.
func load(url string, clients int, length time.Duration) (int64, error) {
	var count atomic.Int64
	var group sync.WaitGroup
	failed := make(chan error, clients)
	end := time.Now().Add(length)
	for range clients {
		group.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for time.Now().Before(end) {
				if err := get(client, url); err != nil {
					failed <- err
					return
				}
				count.Add(1)
			}
		})
	}
	group.Wait()
	close(failed)
	return count.Load(), <-failed
}

func get(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: status %d", url, response.StatusCode)
	}
	return nil
}

func percentile(values []time.Duration, p float64) time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(p*float64(len(sorted))))]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
