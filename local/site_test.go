package main

import (
	"strings"
	"testing"
)

func TestSitePort(t *testing.T) {
	for _, row := range []struct {
		port, given, want int
		mistake           string
	}{
		{3000, besidePort, 3001, ""}, {0, besidePort, 0, ""}, {65535, besidePort, 1, ""}, {3000, 8080, 8080, ""},
		{3000, 0, 0, ""}, {0, 0, 0, ""}, {3000, 3000, 3000, "the same"}, {3000, 65536, 65536, "1 to 65535"},
		{3000, -2, -2, "1 to 65535"}, {70000, besidePort, besidePort, "PORT is 70000"}, {-1, 5, 5, "PORT is -1"},
	} {
		o := options{port: row.port, sitePort: row.given}
		err := o.checkPorts()
		if o.sitePort != row.want || (err == nil) != (row.mistake == "") || err != nil &&
			!strings.Contains(err.Error(), row.mistake) {
			t.Errorf("PORT %d, SITE_PORT %d: %d, %v", row.port, row.given, o.sitePort, err)
		}
	}
}
