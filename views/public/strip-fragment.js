// ML-01, ML-04: whatever this page turned out to be, the link's secret leaves address bar and history before anything else.
if (location.hash !== '') history.replaceState(null, '', location.pathname);
