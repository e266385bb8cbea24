//! The server to speak with: its address, and whose word is taken for who it is.
//!
//! Owns: which certificates are trusted. Never: trusts one that nobody vouches for; there is no switch for it.

use std::{error::Error as StdError, io, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::{BuilderVerifierExt, Verifier};

use crate::{Error, address::Address};

/// A server: `http://127.0.0.1:8080`, or `https://chat.example`. Where a call takes one, its address alone will do.
///
/// With `https` the machine's own trust store decides, unless other authorities are named here.
#[derive(Clone, Debug)]
pub struct Server {
    pub(crate) address: Address,
    authorities: Vec<CertificateDer<'static>>,
    /// The machine's own authorities count, too.
    machine: bool,
}

impl Server {
    /// The server at `http(s)://host[:port][/prefix]`.
    ///
    /// # Errors
    /// When this is no such address. Asks nobody.
    pub fn at(address: &str) -> Result<Server, Error> {
        Ok(Server {
            address: Address::parse(address)?,
            authorities: Vec::new(),
            machine: true,
        })
    }

    /// Trusts these authorities besides those of the machine: certificates in PEM, one or more.
    ///
    /// # Errors
    /// When there is none in it, or one that cannot be read.
    pub fn trusting(mut self, pem: &[u8]) -> Result<Server, Error> {
        self.authorities.extend(certificates(pem)?);
        Ok(self)
    }

    /// Trusts these authorities and no others: certificates in PEM, one or more.
    ///
    /// # Errors
    /// When there is none in it, or one that cannot be read.
    pub fn trusting_only(mut self, pem: &[u8]) -> Result<Server, Error> {
        self.authorities = certificates(pem)?;
        self.machine = false;
        Ok(self)
    }

    /// What a connection needs to be private; none over plain `http`.
    pub(crate) fn tls(&self) -> Result<Option<Arc<ClientConfig>>, Error> {
        if !self.address.is_private() {
            return Ok(None);
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?;
        let mut config = if !self.machine {
            let mut roots = RootCertStore::empty();
            for authority in &self.authorities {
                roots.add(authority.clone()).map_err(unusable)?;
            }
            builder.with_root_certificates(roots).with_no_client_auth()
        } else if self.authorities.is_empty() {
            builder
                .with_platform_verifier()
                .map_err(unusable)?
                .with_no_client_auth()
        } else {
            let verifier =
                Verifier::new_with_extra_roots(self.authorities.iter().cloned(), provider)
                    .map_err(unusable)?;
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_no_client_auth()
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Some(Arc::new(config)))
    }
}

impl TryFrom<&str> for Server {
    type Error = Error;
    fn try_from(address: &str) -> Result<Server, Error> {
        Server::at(address)
    }
}

impl TryFrom<&String> for Server {
    type Error = Error;
    fn try_from(address: &String) -> Result<Server, Error> {
        Server::at(address)
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(Error::Trust("there is no certificate in it".to_owned())),
        Err(error) => Err(Error::Trust(error.to_string())),
    }
}

fn unusable(error: rustls::Error) -> Error {
    Error::Trust(error.to_string())
}

/// Why the certificate was refused, when that is why something failed.
pub(crate) fn refused_certificate(error: &(dyn StdError + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(why)) = error.downcast_ref() {
            return Some(why.to_string());
        }
        // An error of the system gives the cause of what it wraps, not what it wraps.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_a_certificate() {
        let server = || Server::at("https://chat.example").unwrap();
        for wrong in ["", "-----BEGIN CERTIFICATE-----\nAAAA", "a certificate"] {
            let error = server().trusting(wrong.as_bytes()).unwrap_err();
            assert!(matches!(error, Error::Trust(_)), "{wrong}");
            assert!(server().trusting_only(wrong.as_bytes()).is_err());
        }
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let odd = server().trusting_only(garbage.as_bytes()).unwrap();
        assert!(matches!(odd.tls(), Err(Error::Trust(_))));
    }

    #[test]
    fn plain_http_needs_no_trust() {
        assert!(
            Server::at("http://127.0.0.1:1")
                .unwrap()
                .tls()
                .unwrap()
                .is_none()
        );
    }
}
