//! The lab over HTTP: every strategy at a path of its own, and the paths of the reference systems, so that their own k6
//! scripts run against it.
//!
//! | call | does |
//! |---|---|
//! | `POST /strategies/{name}/buy` | sells by that strategy: 200, 409 sold out, 503 failed |
//! | `POST /buy` | `TicketBlitz`: sells by the strategy the face was given; 200, 410 sold out |
//! | `POST /book/unsafe`, `POST /book/safe` | `SafeTicket`: naive with a pause, and the row lock; 200, 409 sold out |
//! | `POST /reset` | fills the shelves anew; with the bearer token that was given at the start |
//! | `GET /stock` | what is in the books |

use std::net::TcpListener;

use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Data, Path};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::json;

use crate::shop::{Purchase, Shop};
use crate::strategies::Strategy;

/// What the face serves.
#[derive(Clone)]
pub struct Face {
    /// The shop behind it.
    pub shop: Shop,
    /// How `POST /buy` sells.
    pub buy: Strategy,
    /// What a reset fills in.
    pub capacity: i64,
    /// Who may reset.
    pub admin_token: String,
}

/// A running face; it ends when dropped.
pub struct Open {
    /// `http://127.0.0.1:port`.
    pub url: String,
    handle: actix_web::dev::ServerHandle,
}

impl Drop for Open {
    fn drop(&mut self) {
        // Told without waiting: its thread ends by itself.
        std::mem::drop(self.handle.stop(false));
    }
}

/// Serves on this port of the loopback interface, any free one if 0.
pub fn open(face: Face, port: u16) -> anyhow::Result<Open> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::new(face.clone()))
            .route("/strategies/{name}/buy", web::post().to(buy_by_name))
            .route("/buy", web::post().to(buy))
            .route("/book/unsafe", web::post().to(book_unsafe))
            .route("/book/safe", web::post().to(book_safe))
            .route("/reset", web::post().to(reset))
            .route("/stock", web::get().to(stock))
    });
    let server = server.workers(1).disable_signals().listen(listener)?.run();
    let handle = server.handle();
    std::thread::spawn(move || actix_web::rt::System::new().block_on(server));
    Ok(Open { url, handle })
}

async fn buy_by_name(name: Path<Strategy>, face: Data<Face>) -> HttpResponse {
    sell(&face, *name, StatusCode::CONFLICT).await
}

async fn buy(face: Data<Face>) -> HttpResponse {
    sell(&face, face.buy, StatusCode::GONE).await
}

async fn book_unsafe(face: Data<Face>) -> HttpResponse {
    sell(&face, Strategy::Naive, StatusCode::CONFLICT).await
}

async fn book_safe(face: Data<Face>) -> HttpResponse {
    sell(&face, Strategy::RowLock, StatusCode::CONFLICT).await
}

/// A failure is never answered as a refusal: that is how a load test passes with everything down.
async fn sell(face: &Face, strategy: Strategy, sold_out: StatusCode) -> HttpResponse {
    match strategy.buy(&face.shop).await {
        Ok(Purchase::Sold) => HttpResponse::Ok().json(json!({ "status": "sold" })),
        Ok(Purchase::SoldOut) => HttpResponse::build(sold_out).json(json!({ "status": "sold_out" })),
        Err(error) => HttpResponse::ServiceUnavailable().json(json!({ "status": "failed", "why": error.to_string() })),
    }
}

async fn reset(request: HttpRequest, face: Data<Face>) -> HttpResponse {
    let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    if shown != Some(face.admin_token.as_str()) {
        return HttpResponse::Unauthorized().json(json!({ "status": "an administrator's token is required" }));
    }
    match face.shop.reset(face.capacity).await {
        Ok(()) => HttpResponse::Ok().json(json!({ "stock": face.capacity })),
        Err(error) => HttpResponse::ServiceUnavailable().json(json!({ "status": "failed", "why": error.to_string() })),
    }
}

async fn stock(face: Data<Face>) -> HttpResponse {
    match face.shop.books().await {
        Ok(books) => HttpResponse::Ok().json(json!({
            "capacity": face.capacity, "sold": books.sold, "oversold": (books.sold - face.capacity).max(0),
            "stock": books.stock
        })),
        Err(error) => HttpResponse::ServiceUnavailable().json(json!({ "status": "failed", "why": error.to_string() })),
    }
}
