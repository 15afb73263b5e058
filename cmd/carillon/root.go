package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

const (
	defaultData = "./carillon-data"
	dataEnv     = "CARILLON_DATA"
)

// A cli is one command line being carried out.
type cli struct {
	out, words io.Writer // data and words: stdout and stderr
	data       string    // --data
	started    bool      // the command line has been understood
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "carillon",
		Short: "A telephone system for organisations with several sites",
		Long: `Carillon is a telephone system for organisations with several sites: a SIP
registrar and proxy in one program.

"carillon run" is a node. Every other command asks the node that runs in the
same data directory, or changes its configuration.`,
		Example: `  carillon run                       start a node; the first time it says what to do next
  carillon registrations --watch     see phones come and go
  carillon token create              let another node join; it says how
  carillon members                   see the nodes of the system
  carillon config export > my.yaml   take the configuration out, edit it, and
  carillon config apply -f my.yaml   put it back`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().StringVar(&c.data, "data", dataDefault(), "directory of the node ("+dataEnv+")")
	_ = root.MarkPersistentFlagDirname("data")
	root.SetOut(c.out)
	root.SetErr(c.words)
	root.AddCommand(
		c.runCommand(), c.tokenCommand(), c.statusCommand(), c.membersCommand(), c.nodeCommand(), c.drainCommand(), c.clusterCommand(), c.drillCommand(), c.sitesCommand(), c.linksCommand(),
		c.registrationsCommand(), c.callsCommand(), c.presenceCommand(), c.leasesCommand(), c.bansCommand(), c.eventsCommand(), c.certificateCommand(), c.traceCommand(), c.metricsCommand(),
		c.configCommand(), c.versionCommand(),
	)
	root.InitDefaultHelpFlag() // else `carillon --help --data DIR` takes DIR for a command
	c.noteStart(root)
	return root
}

// noteStart has every command below cmd note that it has started: an error from
// then on is not one of the command line.
func (c *cli) noteStart(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		c.noteStart(sub)
		if carryOut := sub.RunE; carryOut != nil {
			sub.RunE = func(cmd *cobra.Command, args []string) error {
				c.started = true
				return carryOut(cmd, args)
			}
		}
	}
}

// say tells the person something that is not data.
func (c *cli) say(format string, args ...any) { _, _ = fmt.Fprintf(c.words, format+"\n", args...) }

func dataDefault() string {
	if dir := os.Getenv(dataEnv); dir != "" {
		return dir
	}
	return defaultData
}

// node returns the way to the node that runs in the data directory.
func (c *cli) node() *admin.Client { return admin.NewClient(c.data) }

// program is how the reader started this program, for examples that can be
// copied.
func (c *cli) program() string {
	if path, err := os.Executable(); err == nil && strings.Contains(path, "/go-build") {
		return "go run ./cmd/carillon"
	}
	return filepath.Base(os.Args[0])
}
