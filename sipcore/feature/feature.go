// Package feature holds what makes a telephone system of a SIP server: one
// small file per feature, each a [route.Step] that knows nothing of the others.
// A feature decides and sends no message; package proxy carries out what it
// decided. The order of the features is the only thing they share, and it is
// written down once, in All.
package feature

import "carillon/sipcore/route"

// All returns every feature in the order in which it is asked. The order is
// what the user experiences.
func All(phones TargetFinder, nodes NodeFinder, calls CallFinder, people PresenceFinder) route.Pipeline {
	return route.Pipeline{
		Emergency{nodes},
		Pickup{calls},
		Presence{people, phones, nodes},
		Phones{phones},
		Away{nodes},
		Outside{nodes},
		Operator{},
	}
}
