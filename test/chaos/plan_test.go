package main

import (
	"reflect"
	"slices"
	"testing"
)

func total[T any](choices []weighted[T]) (sum int) {
	for _, choice := range choices {
		sum += choice.times
	}
	return sum
}

func TestWeightsAddUp(t *testing.T) {
	for name, sum := range map[string]int{"application": total(appFaults), "next": total(nextFaults),
		"answer": total(answerFaults),
		"freeze": total(freezes), "before": total(befores)} {
		if sum != 1000 {
			t.Errorf("the weights of %s add up to %d, want 1000", name, sum)
		}
	}
}

// The schedule replays, every fault comes in it, and no plan leaves its outcome to chance.
func TestPlans(t *testing.T) {
	seen := map[any]bool{}
	for n := range 5000 {
		p := planFor(7, 0, n, true)
		if !reflect.DeepEqual(p, planFor(7, 0, n, true)) {
			t.Fatalf("invocation %d is not the same the second time", n)
		}
		for _, fault := range []any{p.app, p.next, p.answer, p.freeze, p.before} {
			seen[fault] = true
		}
		switch {
		case len(p.outcomes()) == 0:
			t.Errorf("no outcome is right for %s", p)
		case p.next == nextCloses && slices.Contains(p.outcomes(), "Function.AppTimeout"):
			t.Errorf("the answer may cross the end of the connection: %s", p)
		case p.hangs() && p.before != beforeNothing:
			t.Errorf("the deadline may come before the application: %s", p)
		case p.app == appEarly && len(p.reply) > 16<<10:
			t.Errorf("the kernel may drop a part of the reply: %s", p)
		}
		if q := planFor(7, 2, n, false); q.freeze != freezeNever || q.before != beforeNothing || q.closeIdle {
			t.Errorf("a fault of one worker strikes the others: %s", q)
		}
	}
	for _, faults := range [][]any{kinds(appFaults), kinds(nextFaults), kinds(answerFaults), kinds(freezes),
		kinds(befores)} {
		for _, fault := range faults {
			if !seen[fault] {
				t.Errorf("%q never comes", fault)
			}
		}
	}
}

func kinds[T any](choices []weighted[T]) (all []any) {
	for _, choice := range choices {
		all = append(all, choice.value)
	}
	return all
}
