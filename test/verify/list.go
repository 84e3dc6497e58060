package main

import (
	"fmt"
	"strings"

	"lambda-web/test/verify/contract"
)

// list is the table of all checks, as docs/contract.md has it: a section for each group.
func list() string {
	var b strings.Builder
	group := ""
	for _, c := range grouped(contract.All()) {
		if name, _, _ := strings.Cut(c.ID, "/"); name != group {
			group = name
			fmt.Fprintf(&b, "\n### %s\n\n| Check | What | Phase | Needs |\n|---|---|---|---|\n", group)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c.ID, c.What, c.Phase, c.Needs)
	}
	return b.String()
}

// grouped brings the checks of a group together, in the order in which the groups begin.
func grouped(checks []contract.Check) []contract.Check {
	var order []string
	groups := map[string][]contract.Check{}
	for _, c := range checks {
		group, _, _ := strings.Cut(c.ID, "/")
		if groups[group] == nil {
			order = append(order, group)
		}
		groups[group] = append(groups[group], c)
	}
	var all []contract.Check
	for _, group := range order {
		all = append(all, groups[group]...)
	}
	return all
}
