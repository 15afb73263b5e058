package store

import (
	"net/netip"
	"net/url"
	"strings"
)

// AnyOrigin lets telephones in all web pages connect.
const AnyOrigin = "*"

// maxOrigins bounds how many web pages have telephones.
const maxOrigins = 100

// Origins returns the web pages whose telephones may connect, as a browser names
// them (RFC 6454): "https://phone.example.org", or AnyOrigin. While there are
// none, no node speaks WebSocket.
func (v *View) Origins() []string { return v.config.Origins }

// isOrigin reports whether a browser may name a page so.
func isOrigin(s string) bool { return s == AnyOrigin || s != "" && s == originOf(s) }

// originOf returns the origin that s means, "" if that cannot be guessed.
func originOf(s string) string {
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	standard := map[string]string{"https": "443", "http": "80"}[scheme]
	if standard == "" || !isWebHost(host) || port != "" && !isHostPort("x:"+port) {
		return ""
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" && port != standard {
		host += ":" + port
	}
	return scheme + "://" + host
}

func isWebHost(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Zone() == "" || isHostname(host)
}

func (v *validator) origins(all []string) {
	if len(all) > maxOrigins {
		v.add("browsers.origins", "at most %d origins can be given", maxOrigins)
		return
	}
	for i, o := range all {
		if isOrigin(o) {
			continue
		}
		meant := originOf(o)
		if meant == "" {
			meant = "https://phone.example.org"
		}
		v.add(path("browsers.origins", i, ""), "%q is not what a browser says of a web page: write the beginning of the page's address, like %s",
			clip(o), meant)
	}
}
