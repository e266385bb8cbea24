//! The API's documents, against the router itself.

use std::collections::BTreeMap;

use crate::server::{Answer, Server, nothing};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

#[tokio::test]
async fn the_document_and_the_router_offer_the_same() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let document = server
        .call("GET", "/api/openapi.json")
        .send()
        .await
        .expect(200);
    let mut paths: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let methods = item.as_object().unwrap().keys().cloned().collect();
        paths.insert(path.clone(), methods);
    }
    assert!(paths.len() > 15, "{paths:?}");
    for (path, methods) in &paths {
        if path == "/api/v1/events" {
            // Its answer needs a core; who may ask is tested with the others.
            continue;
        }
        let address = path
            .replace("{room}", &nothing("room"))
            .replace("{message}", &nothing("evt"))
            .replace("{user}", &nothing("user"))
            .replace("{device}", &nothing("device"))
            .replace("{emoji}", "%F0%9F%91%8D");
        for method in METHODS {
            let documented = methods.iter().any(|name| name == method);
            if documented && address.ends_with("/devices/current") {
                continue;
            }
            let answer = server.ask(&method.to_uppercase(), &address, &ada).await;
            assert_eq!(
                answer.status == 405,
                !documented,
                "{method} {path}: {}",
                answer.status
            );
            assert!(answer.status.as_u16() < 500, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_key_is_documented_where_it_is_taken_and_refused_elsewhere() {
    // [RE4]
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let document = serde_json::to_value(tidings_server::http::docs::openapi()).unwrap();
    let mut taken = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let mut parameters = operation["parameters"].as_array().into_iter().flatten();
            let documented = parameters.any(|p| p["name"] == "Idempotency-Key");
            if method == "get" {
                assert!(!documented, "{path}");
                continue;
            }
            let address = path
                .replace("{room}", &nothing("room"))
                .replace("{message}", &nothing("evt"))
                .replace("{user}", &nothing("user"))
                .replace("{device}", &nothing("device"))
                .replace("{emoji}", "%F0%9F%91%8D");
            // A key that is none: wherever one is taken, it is judged before anything is done.
            let call = server.call(&method.to_uppercase(), &address).by(&ada);
            let body = serde_json::json!({ "username": "eve", "password": "correct horse" });
            let answer = call.header("idempotency-key", "two words").json(&body);
            let answer = answer.send().await;
            let problem = answer.json();
            assert_eq!(problem["code"], "bad_request", "{method} {path}");
            let detail = problem["detail"].as_str().unwrap();
            let takes_none = detail.contains("takes no `Idempotency-Key`");
            assert!(
                takes_none || detail.starts_with("`Idempotency-Key`: "),
                "{method} {path}: {detail}"
            );
            assert_eq!(documented, !takes_none, "{method} {path}");
            taken += usize::from(documented);
        }
    }
    assert!(taken > 10, "{taken}");
}

#[tokio::test]
async fn both_documents_are_served() {
    let server = Server::start().await;
    let openapi = server.call("GET", "/api/openapi.json").send().await;
    assert_eq!(openapi.headers["content-type"], "application/json");
    assert_eq!(
        openapi.json(),
        serde_json::to_value(tidings_server::http::docs::openapi()).unwrap()
    );
    let asyncapi = server.call("GET", "/api/asyncapi.json").send().await;
    assert_eq!(asyncapi.json(), tidings_server::http::docs::asyncapi());
}

#[tokio::test]
async fn the_documentation_loads_nothing_from_elsewhere() {
    let server = Server::start().await;
    let to = server.call("GET", "/docs").send().await;
    assert_eq!(
        (to.status.as_u16(), to.headers["location"].to_str().unwrap()),
        (308, "docs/")
    );
    let page = server.call("GET", "/docs/").send().await;
    assert!(
        page.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    assert!(is_kept_to_itself(&page));
    let named = loaded(&page.text);
    let mut scripts = 0;
    for name in &named {
        assert!(!is_absolute(name), "{name}");
        if !name.ends_with(".js") && !name.ends_with(".css") {
            continue;
        }
        let file = server
            .call("GET", &format!("/docs/{}", name.trim_start_matches("./")))
            .send()
            .await;
        assert_eq!(file.status, 200, "{name}");
        assert!(is_kept_to_itself(&file), "{name}");
        scripts += usize::from(name.ends_with(".js"));
        if name.ends_with(".css") {
            for address in between(&file.text, &["url(", "@import "]) {
                assert!(!is_absolute(address), "{name}: {address}");
            }
        }
    }
    assert!(scripts >= 2 && named.len() > scripts, "{named:?}");
    let start = server
        .call("GET", "/docs/swagger-initializer.js")
        .send()
        .await
        .text;
    assert!(
        start.contains("/api/openapi.json") && start.contains("\"validatorUrl\": \"none\""),
        "{start}"
    );
    server
        .call("GET", "/docs/nothing.js")
        .send()
        .await
        .refuses(404, "not_found");
}

/// Whether an address names a host, with a scheme or without.
fn is_absolute(address: &str) -> bool {
    address.starts_with("//") || (address.contains("://") && !address.starts_with("data:"))
}

/// What follows each of these words, as far as its quote, bracket or space.
fn between<'a>(text: &'a str, words: &[&str]) -> Vec<&'a str> {
    let after = |word| text.split(word).skip(1);
    let found = words.iter().flat_map(|&word| after(word));
    found
        .map(|rest| rest.trim_start_matches(['"', '\'']))
        .map(|rest| rest.split(['"', '\'', ')', '>', ' ', ';']).next().unwrap())
        .collect()
}

/// The addresses that a page names for loading.
fn loaded(page: &str) -> Vec<&str> {
    between(page, &["src=", "href=", "url(", "@import "])
}

/// Whether the browser is told to load from this server alone, whatever a script asks for.
fn is_kept_to_itself(answer: &Answer) -> bool {
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    let mut directives = policy.split(';').map(str::trim);
    directives.clone().any(|one| one == "default-src 'self'")
        && directives.all(|one| {
            let mut sources = one.split(' ').skip(1);
            sources.all(|source| source.starts_with('\'') || source == "data:")
        })
}

#[test]
fn an_address_of_another_host_is_seen() {
    let page = "<script src='//cdn.test/a.js'></script><link href=\"https://cdn.test/a.css\">\
        <img src=\"./a.png\"><style>@import 'http://cdn.test/b.css'; a { background: url(b.png) }</style>";
    let absolute = loaded(page).into_iter().filter(|name| is_absolute(name));
    assert_eq!(absolute.count(), 3);
    assert_eq!(loaded(page).len(), 5);
}
