// Command writer is an app that writes beside itself, as many do. It is the only file of its image: there is no shell.
package main

import (
	"encoding/json"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(http.ResponseWriter, *http.Request) {}) // the readiness check
	http.HandleFunc("/facts", func(w http.ResponseWriter, r *http.Request) {
		seed, _ := os.ReadFile("data/seed.txt")
		json.NewEncoder(w).Encode(map[string]any{
			"seed": string(seed), "change the seed": outcome(os.WriteFile("data/seed.txt", append(seed, '+'), 0o644)),
			"data": outcome(os.WriteFile("data/new.txt", nil, 0o644)), "deep": outcome(os.Mkdir("data/a/b", 0o755)),
			"cache": outcome(os.WriteFile("/var/cache/writer/x", nil, 0o644)), "elsewhere": outcome(os.WriteFile("x",
				nil, 0o644)),
		})
	})
	http.ListenAndServe(":"+os.Getenv("PORT"), nil)
}

func outcome(err error) string {
	if err != nil {
		return err.Error()
	}
	return "done"
}
