package transaction

// This file keeps what goes wrong in one request from costing another. A panic
// of the user passes on to whoever counts it, but on its way it finds that
// nothing stays locked, that the request has been answered, and that the user
// has been told to take back what it had begun.

// Do locks tx, calls f, and unlocks it, whatever f does. It is for what comes
// from neither a message nor a timer: a connection that is open at last.
func (tx *Server) Do(f func()) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	tx.contained(f)
}

// contained calls f with tx locked. Should f panic, the request ends.
func (tx *Server) contained(f func()) {
	done := false
	defer func() {
		if !done {
			tx.broke()
		}
	}()
	f()
	done = true
}

// broke ends a request in whose handling something has panicked: its sender
// hears 500 if he has no final response yet.
func (tx *Server) broke() {
	func() {
		defer func() { _ = recover() }() // the first panic is the one to look at
		tx.layer.user.Broke(tx)
	}()
	if tx.state == trying || tx.state == proceeding {
		tx.RespondOnce(tx.request.Reply(500, "", tx.Tag()).AppendTo(nil))
	}
}

// contained calls f with c locked. Should f panic, the request that c serves
// ends, and c, if it serves none.
func (c *Client) contained(f func()) {
	if c.server != nil {
		c.server.contained(f)
		return
	}
	done := false
	defer func() {
		if !done {
			c.end()
		}
	}()
	f()
	done = true
}
