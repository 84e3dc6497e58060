// Package browser drives a headless Chromium, for the tests that use pages as people do.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Patience bounds every wait; nothing waits for it to pass.
const Patience = 30 * time.Second

// OtherSite is a name that the browser finds on this machine, as after a DNS rebinding.
const OtherSite = "shop.example"

// Open starts a headless Chromium with a profile of its own, which calls nobody but what it is told to and takes the
// certificate that the local cloud made for itself. The context is that of its page; the function ends it.
func Open(ctx context.Context) (context.Context, func(), error) {
	profile, err := os.MkdirTemp("", "lambda-web-browser")
	if err != nil {
		return nil, nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("ignore-certificate-errors", true),
		chromedp.Flag("proxy-server", "direct://"),
		chromedp.Flag("host-resolver-rules", "MAP "+OtherSite+
			" 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
		chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("hide-scrollbars", true),
		chromedp.WSURLReadTimeout(Patience))
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			options = append(options, chromedp.ExecPath(path))
			break
		}
	}
	allocated, stop := chromedp.NewExecAllocator(ctx, options...)
	// Browsers newer than the library send values that it has no names for; it goes on without them.
	quiet := chromedp.WithErrorf(func(string, ...any) {})
	page, closePage := chromedp.NewContext(allocated, quiet)
	end := func() {
		closePage()
		stop()
		os.RemoveAll(profile)
	}
	if err := chromedp.Run(page); err != nil {
		end()
		return nil, nil, fmt.Errorf("start Chromium (on Debian: apt-get install chromium): %w", err)
	}
	return page, end, nil
}

// Within bounds actions on a page.
func Within(page context.Context, actions ...chromedp.Action) error {
	ctx, cancel := context.WithTimeout(page, Patience)
	defer cancel()
	return chromedp.Run(ctx, actions...)
}

// Look sets the window and the theme that the page sees.
func Look(width, height int64, theme string) chromedp.Action {
	return chromedp.Tasks{
		chromedp.EmulateViewport(width, height, chromedp.EmulateScale(1)),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme",
			Value: theme}}),
	}
}

// Until waits until a JavaScript expression is true. What is not there yet is no error.
func Until(expression string) chromedp.Action {
	return chromedp.Poll("(() => { try { return Boolean("+expression+") } catch { return false } })()", nil,
		chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(Patience))
}
