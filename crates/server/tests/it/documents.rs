//! The API's documents, against the router itself.

use std::collections::BTreeMap;

use crate::server::{Server, nothing};

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
        (308, "/docs/")
    );
    let page = server.call("GET", "/docs/").send().await;
    assert!(
        page.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    assert!(
        !page.text.contains("//") || !page.text.contains("http"),
        "{}",
        page.text
    );
    let loads = page
        .text
        .split(['"', '\''])
        .filter(|part| part.ends_with(".js") || part.ends_with(".css"));
    let mut count = 0;
    for file in loads {
        let file = server
            .call("GET", &format!("/docs/{}", file.trim_start_matches("./")))
            .send()
            .await;
        assert_eq!(file.status, 200);
        count += 1;
    }
    assert!(count >= 3, "{count}");
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
