//! A real RabbitMQ for tests.

use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::MutexGuard;

use crate::support::service::{Kept, Kind, Service, run};
use crate::support::{SOON, soon};

const KIND: Kind =
    Kind { script: "rabbitmq", exports: &["AMQP_URL", "DUET_TEST_RABBITMQ_API"], process: "broker.pid", options: &[] };

const BY_TLS: Kind =
    Kind { exports: &["AMQP_URL", "DUET_TEST_RABBITMQ_API", "DUET_TEST_AMQPS_URL", "DUET_TEST_AMQP_CA"], ..KIND };

/// A part of a broker that is a test's own, removed with it.
#[derive(Debug)]
pub(crate) struct Vhost {
    name: String,
    url: String,
    api: String,
}

/// A producer that is not Duet, and eyes on what lies in the queues.
#[derive(Debug)]
pub(crate) struct Amqp {
    channel: Channel,
    _connection: Connection,
}

/// A broker that may be killed and squeezed, one for all tests of that kind, one test at a time.
#[derive(Debug)]
pub(crate) struct Victim {
    service: Service,
    _turn: MutexGuard<'static, ()>,
}

/// A fresh vhost on the broker that all tests share. `None`, aloud, where there is no RabbitMQ.
pub(crate) async fn vhost() -> Option<Vhost> {
    static SHARED: OnceLock<Result<Service, String>> = OnceLock::new();
    Some(Vhost::on(Service::shared(&KIND, &SHARED)?).await)
}

/// A broker by TLS.
#[derive(Debug)]
pub(crate) struct Tls {
    /// What goes into `AMQP_URL`.
    pub(crate) url: String,
    /// The file of the authority that its certificate is signed by.
    pub(crate) authority: String,
    /// The file of one that it is not.
    pub(crate) other: String,
    /// The same without TLS.
    pub(crate) vhost: Vhost,
}

/// The broker that all tests share, by TLS. `None`, aloud, where there is no RabbitMQ.
pub(crate) async fn tls() -> Option<Tls> {
    static SHARED: OnceLock<Result<Service, String>> = OnceLock::new();
    let service = Service::shared(&BY_TLS, &SHARED)?;
    let vhost = Vhost::on(service).await;
    let url = format!("{}{}", service.get("DUET_TEST_AMQPS_URL").unwrap(), vhost.name);
    let authority = service.get("DUET_TEST_AMQP_CA").unwrap().to_owned();
    // What any other broker would have.
    let other = format!("{}/tests/it/support/other-authority.pem", env!("CARGO_MANIFEST_DIR"));
    Some(Tls { url, authority, other, vhost })
}

/// The broker that may be hurt. `None`, aloud, where there is no RabbitMQ.
pub(crate) async fn victim() -> Option<Victim> {
    static KEPT: Kept = Kept::named(&KIND, "victim");
    Victim::of(&KEPT).await
}

/// The broker of the fault suite, which takes long turns.
pub(crate) async fn victim_of_the_fault_suite() -> Option<Victim> {
    static KEPT: Kept = Kept::named(&KIND, "faults");
    Victim::of(&KEPT).await
}

/// The argument of a quorum queue.
pub(crate) fn quorum() -> (&'static str, AMQPValue) {
    ("x-queue-type", AMQPValue::LongString("quorum".into()))
}

/// The argument of a queue that gives messages to one of its consumers.
pub(crate) fn single_active() -> (&'static str, AMQPValue) {
    ("x-single-active-consumer", AMQPValue::Boolean(true))
}

impl Vhost {
    async fn on(service: &Service) -> Self {
        let name = format!("duet-test-{}", uuid::Uuid::new_v4());
        let url = format!("{}/{name}", service.get("AMQP_URL").unwrap().trim_end_matches('/'));
        let vhost = Self { name, url, api: service.get("DUET_TEST_RABBITMQ_API").unwrap().to_owned() };
        vhost.api(Method::PUT, &format!("/vhosts/{}", vhost.name)).await;
        vhost
    }

    /// What goes into `AMQP_URL`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The same by way of another port.
    pub(crate) fn url_by(&self, port: u16) -> String {
        let host = self.url.split_once('@').unwrap().1;
        self.url.replacen(host.split_once('/').unwrap().0, &format!("127.0.0.1:{port}"), 1)
    }

    /// The port of the broker.
    pub(crate) fn port(&self) -> u16 {
        let host = self.url.split_once('@').unwrap().1.split_once('/').unwrap().0;
        host.split_once(':').map_or(5672, |(_, port)| port.parse().unwrap())
    }

    /// Makes a user who may do this within the vhost: what it may configure, write and read. Returns what it connects with.
    pub(crate) async fn user(&self, name: &str, permissions: &[String; 3]) -> String {
        let user = format!("{name}-{}", self.name);
        self.tell(&format!("/users/{user}"), &json!({"password": "duet", "tags": ""})).await;
        let [configure, write, read] = permissions;
        let permissions = json!({"configure": configure, "write": write, "read": read});
        self.tell(&format!("/permissions/{}/{user}", self.name), &permissions).await;
        self.url.replacen("guest:guest", &format!("{user}:duet"), 1)
    }

    /// What the management API says of a queue.
    pub(crate) async fn queue(&self, queue: &str) -> Value {
        self.api(Method::GET, &format!("/queues/{}/{queue}", self.name)).await
    }

    /// The names of all queues, as far as the management page knows them yet.
    pub(crate) async fn queues(&self) -> Vec<String> {
        let queues = self.api(Method::GET, &format!("/queues/{}", self.name)).await;
        queues.as_array().unwrap().iter().map(|queue| queue["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Closes the connection of this name, as an operator can.
    pub(crate) async fn close_connection(&self, name: &str) {
        let path = format!("/vhosts/{}/connections", self.name);
        let is_it = |connection: &&Value| connection["client_properties"]["connection_name"] == name;
        // The management page learns of connections with some delay.
        soon(async {
            loop {
                let connections = self.api(Method::GET, &path).await;
                if let Some(connection) = connections.as_array().unwrap().iter().find(is_it) {
                    let id = connection["name"].as_str().unwrap();
                    return self.api(Method::DELETE, &format!("/connections/{id}")).await;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }

    pub(crate) async fn amqp(&self) -> Amqp {
        Amqp::connect(&self.url).await
    }

    async fn tell(&self, path: &str, body: &Value) {
        let response = soon(reqwest::Client::new().put(format!("{}{path}", self.api)).json(body).send()).await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
    }

    async fn api(&self, method: Method, path: &str) -> Value {
        let url = format!("{}{}", self.api, path.replace(' ', "%20").replace('>', "%3E"));
        let response = soon(reqwest::Client::new().request(method, url).send()).await.unwrap();
        let (status, body) = (response.status(), soon(response.text()).await.unwrap());
        assert!(status.is_success() || status == 404, "{path}: {status} {body}");
        serde_json::from_str(&body).unwrap_or(json!(null))
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        let url = format!("{}/vhosts/{}", self.api, self.name);
        let remove = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            // One that stays behind does no harm; the broker may be down, or stand still.
            let client = reqwest::Client::builder().timeout(SOON).build().unwrap();
            let _ = runtime.block_on(async { client.delete(url).send().await });
        };
        std::thread::spawn(remove).join().unwrap();
    }
}

impl Amqp {
    async fn connect(url: &str) -> Self {
        let connection = soon(Connection::connect(url, ConnectionProperties::default())).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        Self { channel, _connection: connection }
    }

    /// Declares `messages`.
    pub(crate) async fn declare(&self, durable: bool, kind: Option<&str>) {
        let kind = kind.map(|kind| ("x-queue-type", AMQPValue::LongString(kind.into())));
        self.declare_with(durable, kind.as_slice()).await;
    }

    /// Declares `messages` with arguments.
    pub(crate) async fn declare_with(&self, durable: bool, arguments: &[(&'static str, AMQPValue)]) {
        self.declare_queue("messages", durable, arguments).await;
    }

    pub(crate) async fn declare_queue(&self, queue: &str, durable: bool, arguments: &[(&'static str, AMQPValue)]) {
        let options = QueueDeclareOptions { durable, ..QueueDeclareOptions::default() };
        let mut table = FieldTable::default();
        for (name, value) in arguments {
            table.insert((*name).into(), value.clone());
        }
        soon(self.channel.queue_declare(queue.into(), options, table)).await.unwrap();
    }

    /// Takes what comes out of `messages`, as far as others let it.
    pub(crate) async fn consume(&self) -> lapin::Consumer {
        let consuming = self.channel.basic_consume(
            "messages".into(),
            "foreign".into(),
            lapin::options::BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        soon(consuming).await.unwrap()
    }

    /// Takes what comes out of `messages`, and lets nobody else.
    pub(crate) async fn consume_alone(&self) -> lapin::Consumer {
        let exclusive = lapin::options::BasicConsumeOptions { exclusive: true, ..Default::default() };
        self.channel.basic_consume("messages".into(), "foreign".into(), exclusive, FieldTable::default()).await.unwrap()
    }

    pub(crate) async fn delete(&self, queue: &str) {
        soon(self.channel.queue_delete(queue.into(), QueueDeleteOptions::default())).await.unwrap();
    }

    /// Publishes to `messages`.
    pub(crate) async fn publish(&self, body: &[u8], properties: BasicProperties) {
        self.publish_to("messages", body, properties).await;
    }

    /// Publishes to a queue that is there.
    pub(crate) async fn publish_to(&self, queue: &str, body: &[u8], properties: BasicProperties) {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let publish = self.channel.basic_publish("".into(), queue.into(), options, body, properties);
        let confirmation = soon(async { publish.await.unwrap().await.unwrap() }).await;
        assert!(confirmation.is_ack() && confirmation.take_message().is_none(), "there is no queue");
    }

    /// Waits for a message and takes it out of a queue.
    pub(crate) async fn next(&self, queue: &str) -> (BasicProperties, String) {
        soon(async {
            loop {
                if let Some(message) = self.get(queue).await {
                    return message;
                }
            }
        })
        .await
    }

    /// Takes the next message out of a queue, if there is one.
    pub(crate) async fn get(&self, queue: &str) -> Option<(BasicProperties, String)> {
        let got = soon(self.channel.basic_get(queue.into(), BasicGetOptions { no_ack: true })).await.unwrap()?;
        Some((got.delivery.properties, String::from_utf8(got.delivery.data).unwrap()))
    }

    /// Empties `messages` and gives the contents.
    pub(crate) async fn drain(&self) -> Vec<String> {
        let mut contents = Vec::new();
        while let Some((_, body)) = self.get("messages").await {
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            contents.push(body["content"].as_str().unwrap().to_owned());
        }
        contents
    }
}

impl Victim {
    async fn of(kept: &'static Kept) -> Option<Self> {
        let (service, turn) = kept.turn().await?;
        let victim = Self { service, _turn: turn };
        victim.set_memory_limit(&["absolute", "1GB"]).await;
        Some(victim)
    }

    pub(crate) async fn vhost(&self) -> Vhost {
        Vhost::on(&self.service).await
    }

    pub(crate) async fn kill(&self) {
        self.service.script("kill").await;
    }

    pub(crate) async fn start(&self) {
        // Whoever started it first has it ended with this process.
        self.service.script("start").await;
    }

    pub(crate) async fn stop(&self) {
        self.service.script("stop").await;
    }

    /// Stops the process from running (SIGSTOP), or lets it run again.
    pub(crate) async fn freeze(&self, is_frozen: bool) {
        self.service.freeze(is_frozen).await;
    }

    /// A part of the machine's memory, or `absolute` and an amount. Publishers are blocked beyond it.
    pub(crate) async fn set_memory_limit(&self, limit: &[&str]) {
        let folder = &self.service.folder;
        let mut command = if let Some(container) = self.service.container() {
            let mut docker = Command::new("docker");
            docker.args(["exec", &container, "rabbitmqctl"]);
            docker
        } else {
            let ports = std::fs::read_to_string(format!("{folder}/ports")).unwrap();
            let mut ctl = Command::new("/usr/lib/rabbitmq/bin/rabbitmqctl");
            ctl.env("HOME", format!("{folder}/home")).env("ERL_EPMD_PORT", ports.split_whitespace().last().unwrap());
            ctl.args(["-n", "duet@localhost"]);
            ctl
        };
        command.arg("set_vm_memory_high_watermark").args(limit);
        run(command).await;
    }
}
