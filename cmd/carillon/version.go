package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "version",
		Short:             "Which version this is",
		Long:              `Which version of Carillon this is, and what it was built from and with.`,
		Example:           `  carillon version`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(c.out, "carillon %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// version is what the Go tool wrote into the program: a release's number, or
// the commit.
func version() string {
	built, ok := debug.ReadBuildInfo()
	if !ok || built.Main.Version == "" {
		return "(devel)"
	}
	return built.Main.Version
}
