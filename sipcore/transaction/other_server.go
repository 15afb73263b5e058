package transaction

// respondOther is RFC 3261 figure 8 seen from the transaction user. Timer J,
// over UDP only, absorbs retransmitted requests.
func (tx *Server) respondOther(status int, raw []byte) {
	switch {
	case tx.state != trying && tx.state != proceeding:
	case status < 200:
		tx.state = proceeding
		tx.provisional(raw)
	default:
		tx.complete(status, raw)
	}
}

func (tx *Server) complete(status int, raw []byte) {
	tx.finish(completed, status)
	sent := tx.send(raw)
	if !sent || tx.flow.Kind().Reliable() {
		tx.end()
		return
	}
	tx.keep(raw)
	tx.timer.Set(tx.layer.o.Wheel, 64*tx.layer.o.T1, (*serverTimer)(tx))
}
