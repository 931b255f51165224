//! The log of who did what.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::super::App;
use super::uncached_json;
use crate::notifications::AuditEntry;

#[derive(Serialize, utoipa::ToSchema)]
struct Audit {
    entries: Vec<AuditEntry>,
}

/// Who did what since the server started: the newest 1,000 entries, the last one first. The
/// server's log has them all.
#[utoipa::path(
    get,
    path = "/audit",
    responses((status = OK, description = "Who did what", body = Audit)),
)]
pub async fn list_audit(State(app): State<App>) -> Response {
    uncached_json(Audit {
        entries: app.access.audit.newest(),
    })
}
