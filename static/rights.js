// What whoever watches may do.

/**
 * What somebody may do of whom the server tells this by `access`; also what it asks for a login
 * for, where whoever reaches it sees the settings.
 */
export function rightsOf({ changing, user, role, reading }) {
  const isOffered = user === null && reading && changing === "token-needed";
  const administers = changing === "allowed" || isOffered;
  return {
    /** To see settings and what fails. */
    reads: reading,
    /** To switch steps, and to make links. */
    operates: administers || role === "operator",
    /** To change everything, and to see who watches. */
    administers,
  };
}
