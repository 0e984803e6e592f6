//! Whom to believe at the other end of a connection: an authority of one's own, or those the system knows. A certificate is
//! always checked, its name too; there is no setting that turns that off.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Why nobody can be believed.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of authorities cannot be read, or has none.
    #[error("{} has no certificates that can be read: {why}", .path.display())]
    Authorities {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The system knows none.
    #[error("this system has no certificate authorities; name a file of some")]
    NoneKnown,
    /// The library does not do what is asked of it.
    #[error("TLS cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// How to connect: to whomever these authorities vouch for; without a file, those the system knows.
pub fn client_config(authorities: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let roots = match authorities {
        Some(path) => roots_of(path).map_err(|why| TlsError::Authorities { path: path.to_owned(), why })?,
        None => roots_of_the_system()?,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn roots_of(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())? {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err("it is empty".to_owned()) } else { Ok(roots) }
}

fn roots_of_the_system() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TlsError::NoneKnown) } else { Ok(roots) }
}

/// One that believes nobody, for connections that are not encrypted anyhow.
pub fn unused_config() -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// For libraries that ask for the process' own way to encrypt. Called first thing; later calls change nothing.
pub fn install() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_authorities_is_named() {
        let folder = std::env::temp_dir();
        for (name, text) in
            [("none.pem", ""), ("text.pem", "hello"), ("half.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n")]
        {
            let path = folder.join(format!("onsale-{}-{name}", std::process::id()));
            std::fs::write(&path, text).unwrap();
            let error = client_config(Some(&path)).unwrap_err().to_string();
            std::fs::remove_file(&path).unwrap();
            assert!(error.contains(name), "{error}");
        }
        assert!(client_config(Some(Path::new("/nowhere.pem"))).unwrap_err().to_string().contains("nowhere"));
    }
}
