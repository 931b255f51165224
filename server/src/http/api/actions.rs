//! Actions: what is done when events happen, and what became of it.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::super::App;
use super::uncached_json;
use crate::actions::ActionReport;
use crate::mqtt::MqttReport;

#[derive(Serialize, utoipa::ToSchema)]
struct Actions {
    /// The actions, in the file's order.
    actions: Vec<ActionReport>,
    /// The number of changes of events that no action got since they came too fast.
    missed: u64,
    /// The state of the connection to the MQTT broker.
    mqtt: MqttReport,
}

/// The actions that the pipeline file names in `on`, what became of each since it stands there, and
/// the connection to the MQTT broker.
#[utoipa::path(
    get,
    path = "/actions",
    responses((status = OK, description = "All actions, in the file's order", body = Actions)),
)]
pub async fn list_actions(State(app): State<App>) -> Response {
    uncached_json(Actions {
        actions: app.actions.report(),
        missed: app.actions.missed(),
        mqtt: app.mqtt.report(),
    })
}
