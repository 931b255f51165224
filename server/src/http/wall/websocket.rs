//! The wall by a WebSocket.

use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{self, CloseFrame, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, RequestPartsExt};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::super::App;
use super::super::api::refusals::NoWebSocket;
use super::super::auth::Identity;
use super::super::problem::ProblemDetails;
use super::super::server::Held;
use super::message::{CLIENT_BYTES, ClientMessage, MessageError};
use super::{End, Wall};

/// Messages of clients are short.
const READ_BYTES: usize = 4 << 10;
/// The most bytes of a reason for closing (RFC 6455, section 5.5).
const REASON_BYTES: usize = 123;
/// The time in which a client may be told why the connection ends.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// Frames of many streams and the state of the server by a WebSocket, on which the client sends
/// each `ClientMessage` as a text. It is closed 60 s after the last of these.
#[utoipa::path(
    get,
    path = "/wall",
    responses(
        (status = SWITCHING_PROTOCOLS, description = "A WebSocket; each message is binary"),
        NoWebSocket,
    ),
)]
pub async fn connect_wall(
    State(app): State<App>,
    Extension(identity): Extension<Identity>,
    request: Request,
) -> Response {
    match upgrade(&app, &identity, request).await {
        Ok(response) => response,
        Err(rejection) => refuse(&rejection),
    }
}

/// Answers with a WebSocket. The pages that may ask for one are checked before (`auth`): browsers
/// let all of them.
async fn upgrade(
    app: &App,
    identity: &Identity,
    request: Request,
) -> Result<Response, WebSocketUpgradeRejection> {
    let held = Held::of(&request);
    let wall = Wall::open(app, identity, &request);
    let (mut head, _) = request.into_parts();
    let upgrade = head.extract::<WebSocketUpgrade>().await?;
    let upgrade = upgrade
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_message_size(CLIENT_BYTES)
        .max_frame_size(CLIENT_BYTES);
    let shutdown = app.shutdown.clone();
    Ok(upgrade.on_upgrade(move |socket| async move {
        tokio::select! {
            () = exchange(socket, wall) => {}
            // A client that takes nothing is not waited for.
            () = farewell(shutdown) => {}
        }
        drop(held);
    }))
}

/// Resolves some time after the server began to stop.
async fn farewell(shutdown: CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(CLOSE_TIME).await;
}

fn refuse(rejection: &WebSocketUpgradeRejection) -> Response {
    let why = format!(
        "this is for a WebSocket: {rejection}; behind a proxy that passes none on, use \
         `/api/v1/wall/stream`"
    );
    let problem = ProblemDetails::new(StatusCode::UPGRADE_REQUIRED, why);
    let mut response = problem.into_response();
    // RFC 9110, 15.5.22.
    let protocol = HeaderValue::from_static("websocket");
    response.headers_mut().insert(header::UPGRADE, protocol);
    response
}

/// Sends and receives until one side ends it.
async fn exchange(mut socket: WebSocket, mut wall: Wall) {
    let why = loop {
        tokio::select! {
            biased;
            received = socket.recv() => match received {
                Some(Ok(message)) => match heed(&wall, &message) {
                    Ok(()) => {}
                    Err(error) => break (close_code::POLICY, error.to_string()),
                },
                Some(Err(_)) | None => return,
            },
            message = wall.next() => match message {
                // Who takes nothing for long is cut by what is beneath.
                Ok(message) => if socket.send(ws::Message::Binary(message.whole())).await.is_err() {
                    return;
                },
                Err(End::Shutdown) => break (close_code::AWAY, End::Shutdown.to_string()),
                Err(end) => break (close_code::POLICY, end.to_string()),
            },
        }
    };
    close(socket, why).await;
}

fn heed(wall: &Wall, message: &ws::Message) -> Result<(), MessageError> {
    let text = match message {
        ws::Message::Text(text) => text,
        ws::Message::Binary(_) => return Err(MessageError::Binary),
        ws::Message::Ping(_) | ws::Message::Pong(_) | ws::Message::Close(_) => return Ok(()),
    };
    wall.inbox.put(ClientMessage::parse(text)?)
}

async fn close(mut socket: WebSocket, (code, why): (u16, String)) {
    let frame = CloseFrame {
        code,
        reason: why[..why.floor_char_boundary(REASON_BYTES)].into(),
    };
    let closing = async {
        socket.send(ws::Message::Close(Some(frame))).await?;
        while let Some(Ok(_)) = socket.recv().await {}
        Ok::<_, axum::Error>(())
    };
    if let Ok(Err(error)) = timeout(CLOSE_TIME, closing).await {
        tracing::debug!(%error, "a WebSocket could not be closed");
    }
}
