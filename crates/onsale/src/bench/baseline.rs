//! The limits' side: a bare actix server with nothing in it but what no server of this kind can do without.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{App, HttpResponse, HttpServer, web};
use contract::api::NewBooking;
use redis::Script;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo as _};

/// The least that can be asked of a script: `TicketBlitz`'s, on a key that is 0.
const SCRIPT: &str =
    "if tonumber(redis.call('GET', KEYS[1])) > 0 then redis.call('DECR', KEYS[1]) return 1 else return 0 end";
/// A refusal of ours, word for word.
const REFUSAL: &str = "{\"type\":\"urn:onsale:problem:sold_out\",\"code\":\"sold_out\",\"title\":\"Sold out\",\"status\":409,\
    \"detail\":\"No tickets are left.\",\"available\":0}";

/// Where the bare server listens and which Redis it asks.
#[derive(clap::Args)]
pub struct Arguments {
    /// The port.
    #[arg(long)]
    port: u16,
    /// Redis.
    #[arg(long, env = "ONSALE_REDIS_URL", hide_env_values = true)]
    redis_url: String,
    /// Threads.
    #[arg(long)]
    workers: usize,
}

/// Serves until it is stopped.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let tcp = TcpSettings::default().set_nodelay(true);
    let client = Client::open(arguments.redis_url.into_connection_info()?.set_tcp_settings(tcp))?;
    let config = AsyncConnectionConfig::new().set_pipeline_buffer_size(4_096);
    let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    redis::AsyncCommands::set::<_, _, ()>(&mut connection.clone(), "bench:stock", 0).await?;
    #[expect(clippy::disallowed_methods, reason = "this is not a service but the limit it is set against")]
    let script = web::Data::new(Script::new(SCRIPT));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(script.clone())
            .app_data(web::Data::new(connection.clone()))
            .route("/ready", web::get().to(HttpResponse::Ok))
            .route("/api/v1/bookings", web::post().to(constant))
            .route("/api/v1/evalsha", web::post().to(evalsha))
    });
    Ok(server.workers(arguments.workers).bind(("127.0.0.1", arguments.port))?.run().await?)
}

async fn constant(_: web::Json<NewBooking>) -> HttpResponse {
    refuse()
}

async fn evalsha(
    _: web::Json<NewBooking>,
    script: web::Data<Script>,
    connection: web::Data<MultiplexedConnection>,
) -> HttpResponse {
    let mut connection = connection.get_ref().clone();
    match script.key("bench:stock").invoke_async::<i64>(&mut connection).await {
        Ok(0) => refuse(),
        _ => HttpResponse::InternalServerError().finish(),
    }
}

fn refuse() -> HttpResponse {
    HttpResponse::Conflict().insert_header((CONTENT_TYPE, contract::problem::CONTENT_TYPE)).body(REFUSAL)
}
