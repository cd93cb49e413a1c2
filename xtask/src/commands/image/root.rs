//! The root on which the binary stands, in place of the base of a released image: C library, libgcc and CA certificates, from
//! the packages of the Debian or Ubuntu that this runs on.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::super::cargo::pass_through;

const PACKAGES: [&str; 3] = ["libc6", "libgcc-s1", "ca-certificates"];

/// What nobody needs who runs one binary.
const UNUSED: [&str; 3] = ["usr/share/doc", "usr/share/lintian", "usr/sbin"];

pub fn make(root: &Path) -> Result<()> {
    let packages = root.with_extension("packages");
    fs::create_dir_all(&packages)?;
    fs::create_dir_all(root)?;
    let mut download = Command::new("apt-get");
    download.current_dir(&packages).args(["download", "--quiet", "--option", "APT::Sandbox::User="]).args(PACKAGES);
    pass_through(download).context("the packages can't be fetched: `apt-get update` may be due")?;
    let mut unpacked = 0;
    for package in fs::read_dir(&packages)? {
        let mut unpack = Command::new("dpkg-deb");
        unpack.arg("--extract").arg(package?.path()).arg(root);
        pass_through(unpack)?;
        unpacked += 1;
    }
    ensure!(unpacked == PACKAGES.len(), "{unpacked} packages were fetched, not {}", PACKAGES.len());
    // Where the packages leave that to another one (Ubuntu 24.04, Debian 13): the dynamic linker is looked for here.
    for name in ["lib", "lib64"] {
        if !root.join(name).exists() && root.join("usr").join(name).exists() {
            symlink(Path::new("usr").join(name), root.join(name))?;
        }
    }
    for unused in UNUSED {
        let _ = fs::remove_dir_all(root.join(unused));
    }
    trust(root)?;
    fs::create_dir_all(root.join("etc"))?;
    fs::write(
        root.join("etc/passwd"),
        "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n",
    )?;
    fs::write(root.join("etc/group"), "root:x:0:\nnonroot:x:65532:\n")?;
    Ok(())
}

/// All certificates in one file, as the package's own hook would write it.
fn trust(root: &Path) -> Result<()> {
    let (from, to) = (root.join("usr/share/ca-certificates/mozilla"), root.join("etc/ssl/certs"));
    let mut certificates: Vec<_> = fs::read_dir(&from)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    certificates.sort();
    let mut all = Vec::new();
    for certificate in &certificates {
        all.extend(fs::read(certificate)?);
    }
    ensure!(certificates.len() > 50, "{} has {} certificates", from.display(), certificates.len());
    fs::create_dir_all(&to)?;
    Ok(fs::write(to.join("ca-certificates.crt"), all)?)
}
