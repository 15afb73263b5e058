package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"carillon/node"
)

// aboutRun is the help of run.
const aboutRun = `Run a node, until SIGTERM or ^C. A second signal ends it at once.

In an empty directory, run founds a system of its own: it makes the two users 201
and 202, prints their passwords this once, and says what to do next; with --apply
it starts with the users of the file instead. From then on the directory is the
node: its name, its configuration and its registrations are in it, flags that
were given are remembered, and a flag that is given again changes what it says.

With --join and a --token that ` + "`carillon token create`" + ` has made at a main, run makes
an empty directory a node of that system. While nobody answers there it asks
again, for ever; a token that is refused ends it with exit code 4. Where a node
lives, --join and --token are ignored: one command line is good for every start.
A node may join under the name of one that is not alive, and replaces it.

A node listens on UDP and TCP port 5060 and TLS port 5061 for phones and on 7946 for
other nodes, of one address or of all; for browsers, if the configuration has some,
on 5066 and, with TLS, 7443. The system issues the certificates for TLS itself (see
carillon certificate); with --tls-cert and --tls-key a node shows yours, and reads
the files again when they change, or on SIGHUP. It may be killed at any time: what it has acknowledged is
on disk.

With --dns it answers DNS about the domain on port 53 of an address, so that
phones find the nodes of their site by name (NAPTR, SRV, A), and not those that are
dead: point the phones (see dns: forward) or a forwarder for the domain at it.

With --dhcp it gives addresses to the devices on an interface, and to those behind
relays that send to it, from the pools that the configuration has for its site
(sites, dhcp). The nodes of a site share them, and go on without each other.

Programs ask it over HTTPS on port 8080, as soon as ` + "`carillon token create --api`" + ` has made
a token for one, and not before; --api is another address, or off.

With --metrics it also answers Prometheus, without asking who it is: figures and
the names of nodes, and nothing about users.`

func (c *cli) runCommand() *cobra.Command {
	var o node.Options
	var listen, join, level string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run a node",
		Long:  aboutRun,
		Example: `  carillon run
  carillon run --data /var/lib/carillon --name laurel --listen 192.168.1.5 --dns 192.168.1.5
  carillon run --first --apply house.yaml
  carillon run --join 192.168.1.5 --token TOKEN --role lifeguard --site mons`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		PreRunE: func(*cobra.Command, []string) error {
			return c.parseRun(&o, listen, join, level)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return c.runNode(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.Name, "name", "", "name of the node (default: the host's)")
	f.StringVar(&o.Role, "role", "", "main, lifeguard or witness (default: main)")
	f.StringVar(&o.Site, "site", "", "where the node stands, as the configuration calls it")
	f.StringVar(&listen, "listen", "", "the one IP address to listen on; 0.0.0.0 is all (default: all)")
	f.BoolVar(&o.First, "first", false, "the node is to be the first of a system; ignored where a node lives")
	f.StringVar(&join, "join", "", "a main of the system to join: HOST or HOST:PORT")
	f.StringVar(&o.Token, "token", "", "what `carillon token create` has printed there")
	f.StringVar(&o.Apply, "apply", "", "a configuration file to put in force first")
	addServices(f, &o)
	f.StringVar(&level, "log-level", "info", "debug, info, warn or error")
	completeRun(cmd)
	return cmd
}

// addServices gives f the flags of what a node does beside SIP.
func addServices(f *pflag.FlagSet, o *node.Options) {
	f.StringVar(&o.DNS, "dns", "", "address that answers DNS for the domain, as 172.30.42.11, or off (default: off)")
	f.StringVar(&o.API, "api", "", "address that programs ask over HTTPS while there are tokens for them, as 172.30.42.11, or off (default: port 8080 of --listen)")
	f.StringVar(&o.DHCP, "dhcp", "", "interface on which DHCP is answered for the site, as eth0, or off (default: off)")
	f.StringVar(&o.Metrics, "metrics", "", "address and port that answer Prometheus, as 127.0.0.1:9464, or off (default: off)")
	f.Func("trace-memory", "MB for the last SIP messages, see carillon trace; 0 is none (default: 8)", func(s string) error { return parseTrace(o, s) })
	f.StringVar(&o.TLSCert, "tls-cert", "", "file of your own certificate for TLS, with its issuers'; \"system\" is the system's again")
	f.StringVar(&o.TLSKey, "tls-key", "", "file of its key")
}

// completeRun tells shells what the flags take.
func completeRun(cmd *cobra.Command) {
	_ = cmd.MarkFlagFilename("apply", "yaml", "yml")
	_ = cmd.MarkFlagFilename("tls-cert", "pem", "crt")
	_ = cmd.MarkFlagFilename("tls-key", "pem", "key")
	_ = cmd.RegisterFlagCompletionFunc("role", cobra.FixedCompletions(
		[]cobra.Completion{node.RoleMain, node.RoleLifeguard, node.RoleWitness}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("log-level", cobra.FixedCompletions(
		[]cobra.Completion{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp))
}

// parseTrace reads a number of MB.
func parseTrace(o *node.Options, text string) error {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return errors.New("it is a number of MB")
	}
	if o.Trace = int(n); n == 0 {
		o.Trace = -1 // none; 0 would be as it was before
	}
	return nil
}

// parseRun reads the flags that are more than text.
func (c *cli) parseRun(o *node.Options, listen, join, level string) (err error) {
	if listen != "" {
		if o.Listen, err = netip.ParseAddr(listen); err != nil {
			return fmt.Errorf("--listen takes one IP address of this machine, not %q", listen)
		}
	}
	if o.Join, err = node.ParseSeed(join); err != nil {
		return err
	}
	if o.Logger, err = newLogger(c.words, level); err != nil {
		return err
	}
	o.Data = c.data
	return o.Validate()
}

func (c *cli) runNode(ctx context.Context, o node.Options) error {
	tuneProcess(o.Logger)
	defer paceCollector()()
	o.Version = version()
	o.Founded = func(f node.Founding) error { return c.welcome(f, o.Apply) }
	n, err := node.New(ctx, o)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil // told to stop while it waited for a system to join
	}
	if err != nil {
		return err
	}
	o.Logger.Info("the node runs", "name", n.Name(), "listen", listening(n), "data", o.Data, "version", version())
	context.AfterFunc(ctx, func() { o.Logger.Info("stopping") })
	defer c.reloadOnHangup(n)()
	err = errors.Join(n.Run(ctx), n.Close())
	if err == nil {
		o.Logger.Info("stopped")
	}
	return err
}

// listening says where phones reach the node.
func listening(n *node.Node) string {
	if !n.Listen().IsValid() {
		return "port 5060 of all addresses"
	}
	return netip.AddrPortFrom(n.Listen(), 5060).String()
}
