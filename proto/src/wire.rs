//! The mapping between the domain and the wire: the one file where the generated types appear.
