//! Posting an event to an address.

use std::path::Path;

use bytes::Bytes;
use jpeg_splice::Jpeg;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;

use super::worker::Failure;
use crate::config::ActionConfig;
use crate::event_log::EventId;
use crate::source::http::{cause, new_client};

/// Posts events to the address of an action, by connections that are kept.
pub struct Webhook(Client);

impl Webhook {
    /// A webhook for the action `config`.
    ///
    /// # Errors
    /// This machine can't speak HTTP.
    pub fn new(config: &ActionConfig) -> Result<Self, Failure> {
        let client = new_client(config.verify_tls);
        client
            .map(Self)
            .map_err(|error| Failure::Lasting(cause(&error)))
    }

    /// Posts `message` of the event `id`, with its `picture`, if there is one, as a second part.
    ///
    /// # Errors
    /// It is not taken, or can't be sent.
    pub async fn post(
        &self,
        (config, folder): (&ActionConfig, &Path),
        message: &Value,
        (id, picture): (&EventId, Option<&Jpeg>),
    ) -> Result<(), Failure> {
        let (kind, body) = match picture {
            None => ("application/json".to_owned(), message.to_string().into()),
            Some(picture) => multipart(message, id, picture),
        };
        let request = self.request(config, folder)?;
        let request = request.header(CONTENT_TYPE, kind).body(body);
        let sent = request.send().await;
        let answer = sent.map_err(|error| Failure::Passing(cause(&error)))?;
        accept(answer.status())
    }

    fn request(&self, config: &ActionConfig, folder: &Path) -> Result<RequestBuilder, Failure> {
        let lasting = |why: crate::config::SecretError| Failure::Lasting(why.to_string());
        let url = config.post.as_ref().map_or("", |url| url.expose());
        let mut request = self.0.post(url);
        if let Some(login) = &config.login {
            let password = login.password.reveal(folder).map_err(lasting)?;
            request = request.basic_auth(&login.user, Some(password.expose()));
        }
        for (name, value) in &config.headers {
            let value = value.reveal(folder).map_err(lasting)?;
            request = request.header(name, value.expose());
        }
        Ok(request)
    }
}

/// Whether an answer with `status` says that the event was taken. One that may be taken later is
/// worth another try (RFC 9110, 15.5.9 and 15.6; RFC 6585, 4).
fn accept(status: StatusCode) -> Result<(), Failure> {
    let why = format!("the answer is {status}");
    match status {
        _ if status.is_success() => Ok(()),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Err(Failure::Passing(why)),
        _ if status.is_server_error() => Err(Failure::Passing(why)),
        _ if status.is_redirection() => Err(Failure::Lasting(format!(
            "{why}: name the address that it leads to"
        ))),
        _ => Err(Failure::Lasting(why)),
    }
}

/// A body with the parts `event` and `picture`, and its type (RFC 7578).
fn multipart(message: &Value, id: &EventId, picture: &Jpeg) -> (String, Bytes) {
    // No text of JSON has two line ends and such a line, nor has a JPEG's data by chance.
    let boundary = format!("mattebox-{id}-{:08x}", getrandom::u32().unwrap_or_default());
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"event\"\r\n\
         Content-Type: application/json\r\n\r\n{message}\r\n--{boundary}\r\n\
         Content-Disposition: form-data; name=\"picture\"; filename=\"{id}.jpg\"\r\n\
         Content-Type: image/jpeg\r\n\r\n"
    );
    let end = format!("\r\n--{boundary}--\r\n");
    let body = [head.as_bytes(), picture, end.as_bytes()].concat();
    (
        format!("multipart/form-data; boundary={boundary}"),
        body.into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_taken_later_is_tried_again() {
        let is_passing = |status: u16| match accept(StatusCode::from_u16(status).unwrap()) {
            Ok(()) => None,
            Err(Failure::Passing(_)) => Some(true),
            Err(Failure::Lasting(_)) => Some(false),
        };
        let statuses = [200, 204, 408, 429, 500, 503, 301, 400, 401, 404];
        let expected = [None, None]
            .into_iter()
            .chain([Some(true); 4])
            .chain([Some(false); 4]);
        assert!(statuses.map(is_passing).into_iter().eq(expected));
    }
}
