package transaction

// respondOther is RFC 3261 figure 8 seen from the transaction user. Timer J,
// over UDP only, absorbs retransmitted requests.
func (tx *Server) respondOther(status int, raw []byte) (kept bool) {
	switch {
	case tx.state != trying && tx.state != proceeding:
		return false
	case status < 200:
		tx.state = proceeding
		return tx.provisional(raw)
	}
	tx.finish(completed, status)
	sent := tx.send(raw)
	if !sent || tx.flow.Kind().Reliable() {
		tx.end()
		return false
	}
	tx.sent = raw
	tx.timer.Set(tx.layer.o.Wheel, 64*tx.layer.o.T1, (*serverTimer)(tx))
	return true
}
