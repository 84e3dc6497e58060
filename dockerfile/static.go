package main

import "fmt"

// staticSite knows a folder of pages.
func staticSite(a app) (plan, bool, error) {
	page := a.first("index.html", "public/index.html", "dist/index.html", "site/index.html", "_site/index.html")
	if page == "" {
		return plan{}, false, nil
	}
	p := plan{kind: "static site"}
	folder := page[:len(page)-len("index.html")]
	if folder == "" {
		folder = "."
	}
	p.because("%s is there and nothing that runs, so nginx serves its folder", page)
	serveStatic(&p, folder)
	return p, true, nil
}

// serveStatic ends the Dockerfile with the nginx that writes to /tmp alone, which is all that Lambda lets it write to.
func serveStatic(p *plan, from string) {
	p.because("nginx-unprivileged keeps its files in /tmp and listens on %d: the plain nginx image writes "+
		"where Lambda's disk is read-only", port)
	p.add("FROM nginxinc/nginx-unprivileged:1", "", "COPY "+from+" /usr/share/nginx/html", "",
		fmt.Sprintf("EXPOSE %d", port))
}
