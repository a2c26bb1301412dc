//! Sessions that outlive a connection, and wills.
